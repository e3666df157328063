"""`viva evaluate voice`: a voice against recordings of the same texts, by numbers and by recognisers' ears."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vivavoce.cli.recognition import DecoderName, Threads
from vivavoce.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from vivavoce.data.manifest import Utterance
    from vivavoce.decoding.attention_check import AttentionReport
    from vivavoce.evaluation.listeners import Listener
    from vivavoce.evaluation.voice import Heard, Made, System
    from vivavoce.runtime.recognizer import Recognizer
    from vivavoce.runtime.speech_plan import Sentence


def evaluate_voice(
    bundle: Annotated[
        Path | None, typer.Argument(metavar="BUNDLE", help="Voice to judge; the package's own if not given.")
    ] = None,
    test: Annotated[
        list[Path] | None,
        typer.Option("--test", metavar="MANIFEST", help="Recordings of the voice's speaker.", show_default=False),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="DIR", help="Also write voice.md, voice.json, voice.jsonl here."),
    ] = None,
    audio: Annotated[
        Path | None, typer.Option("--audio", metavar="DIR", help="Write what every system said here, as FLAC.")
    ] = None,
    form: Annotated[
        str, typer.Option("--format", "-f", metavar="FORMAT", help="What to print: markdown or json.")
    ] = "markdown",
    baseline: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Judge another program, too: espeak-ng or flite.")
    ] = None,
    all_texts: Annotated[
        bool, typer.Option("--all-texts", help="Judge on all texts; else on those that no voice is trained on.")
    ] = False,
    limit: Annotated[int, typer.Option(min=0, metavar="N", help="Only N texts, evenly spread; 0 for all.")] = 0,
    recognizer: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Recogniser's bundle that listens; the package's own if not given."),
    ] = None,
    decoder: DecoderName = "auto",
    pocketsphinx: Annotated[
        bool | None,
        typer.Option("--pocketsphinx/--no-pocketsphinx", help="Let pocketsphinx listen, too; if it is installed."),
    ] = None,
    threads: Threads = 1,
) -> None:
    """Judge a voice against recordings, without people.

    \b
    viva prepare kathleen kathleen/ -o kathleen.jsonl
    viva evaluate voice my-voice --test kathleen.jsonl --baseline espeak-ng

    One table: rows for the recordings, second takes of the same texts, copy-synthesis (the recordings' own mel through
    the voice's vocoder), full synthesis, and other programs; columns for mel-cepstral distortion, F0, voicing and
    duration against the recordings, and for the word errors of recognisers that listen to all of them. Intervals are
    of 95%, over the texts.
    """
    from vivavoce.data.manifest import read_manifest
    from vivavoce.data.voice_split import is_held_out
    from vivavoce.evaluation.listeners import count_trained_on
    from vivavoce.evaluation.voice import choose_takes, systems_of
    from vivavoce.evaluation.voice_report import voice_report

    if form not in ("markdown", "json"):
        raise ConfigError(f"--format {form}: expected markdown or json.")
    if not test:
        raise ConfigError("there is nothing to judge by; give recordings with --test MANIFEST.")
    takes = choose_takes(
        [utterance for manifest in test for utterance in read_manifest(manifest)],
        None if all_texts else is_held_out,
        limit,
    )
    from vivavoce.runtime.recognizer import Recognizer
    from vivavoce.runtime.synthesizer import Synthesizer

    voice = Synthesizer(bundle, threads, on_fault=_tell)
    ours = Recognizer(recognizer, threads, decoder=decoder)
    listeners = open_listeners(ours, pocketsphinx)
    known = count_trained_on(ours.bundle, [take for take, _ in takes])
    facts = {
        "voice": f"{voice.bundle.name} of {voice.bundle.facts.get('created', 'no date')}",
        "texts": len(takes),
        "which": "all" if all_texts else "those that no voice is trained on",
        "recordings' seconds": round(sum(take.duration_seconds for take, _ in takes), 1),
        "listeners": ", ".join(listener.name for listener in listeners),
        f"recordings of corpora that {ours.bundle.name} was trained on": known,
    }
    heard = judge_texts(takes, systems_of(voice, baseline or ()), listeners, ours, audio)
    report = voice_report(heard, facts)
    if output is not None:
        report.write(output)
    typer.echo(report.markdown() if form == "markdown" else json.dumps(report.to_dict(), indent=2, ensure_ascii=False))


def open_listeners(recognizer: Recognizer, pocketsphinx: bool | None) -> list[Listener]:
    """Our recogniser, and pocketsphinx: where it is installed, if nobody said whether."""
    from vivavoce.evaluation.listeners import OwnListener, PocketsphinxListener, has_pocketsphinx

    listeners: list[Listener] = [OwnListener(recognizer)]
    if pocketsphinx or (pocketsphinx is None and has_pocketsphinx()):
        listeners.append(PocketsphinxListener())
    return listeners


def judge_texts(
    takes: Sequence[tuple[Utterance, Utterance | None]],
    systems: Mapping[str, System],
    listeners: Sequence[Listener],
    aligner: Recognizer,
    audio: Path | None,
) -> list[Heard]:
    """Judge all texts behind a bar, and keep what is said in a folder, if one is named."""
    from vivavoce.cli.progress import listened
    from vivavoce.evaluation.voice import judge

    texts = judge(takes, systems, listeners, aligner, None if audio is None else _writer(audio))
    return [one for _, results in listened([take for take, _ in takes], texts) for one in results]


def _tell(sentence: Sentence, report: AttentionReport) -> None:
    """Of a voice whose attention can fail."""
    for line in report.lines(sentence.spelled):
        print(f"attention, {sentence.text.strip()!r}: {line}", file=sys.stderr)


def _writer(folder: Path) -> Made:
    """A file for each system's reading of each text."""
    from vivavoce.audio import write_waveform
    from vivavoce.dsp.feature_config import FeatureConfig

    folder.mkdir(parents=True, exist_ok=True)
    rate = FeatureConfig.voice().sample_rate

    def write(system: str, utterance: Utterance, waveform: NDArray[np.float32]) -> None:
        name = re.sub(r"[^\w.+-]+", "-", f"{utterance.id} {system}").strip("-")
        write_waveform(folder / f"{name}.flac", waveform, rate)

    return write
