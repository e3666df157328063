# ruff: noqa: RUF001, SIM905 - characters that are easily taken for others are read here, too
"""Written to spoken: words, punctuation, abbreviations, capitals, addresses, signs. Numbers: test_spoken_numbers.py."""

from __future__ import annotations

import os
import re
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vivavoce.text.spoken import spoken_form, unreadable

Cases = list[tuple[str, str]]

PUNCTUATION: Cases = [
    ("Hello, world.", "Hello, world."),
    ("Wait... what?", "Wait, what?"),
    ("And then... Nothing.", "And then. Nothing."),
    ("He left…", "He left."),
    ("Stop; go: now", "Stop, go, now"),
    ("Really?! No!!!", "Really? No!"),
    ("He said “yes” and ‘no’.", "He said yes and no."),
    ('"Come in," she said.', "Come in, she said."),
    ('"Who is it?" he asked.', "Who is it? he asked."),
    ("The house (an old one) fell.", "The house, an old one, fell."),
    ("It fell (in the end).", "It fell, in the end."),
    ("It fell. (So they say.)", "It fell. So they say."),
    ("It fell (in the end)", "It fell, in the end"),
    ("One [two] three", "One, two, three"),
    ("He ran—fast—home.", "He ran, fast, home."),
    ("He ran – fast – home.", "He ran, fast, home."),
    ("He ran -- fast -- home.", "He ran, fast, home."),
    ("a well-known twenty-one-year-old", "a well known twenty one year old"),
    ("and/or", "and or"),
    ("file(s) and box(es)", "files and boxes"),
    ("no space.After the stop", "no space. After the stop"),
    ("  many   spaces\tand\nlines  ", "many spaces and lines"),
    ("A title\n\nThen text.", "a title. Then text."),
    ("One.\n\nTwo.", "One. Two."),
    ("*very* _much_ so", "very much so"),
    ("• milk • bread", "milk, bread"),
    ("你好。Hello！", "Hello!"),
    ("¿Hello? ¡Go!", "Hello? Go!"),
    ("naïve café Zoë Łódź", "naive cafe Zoe Lodz"),
    ("ﬁne ﬂow", "fine flow"),
    ("one, two,three", "one, two, three"),
    ("... and so on", "and so on"),
    (", , .", ""),
    ("", ""),
    ("<b>bold</b> text<br/>", "bold text"),
    ('<a href="https://x.org/a.html">link</a> here', "link here"),
    ("<p class='x'>Text <i>in</i> here</p>", "Text in here"),
    ('<img src="a.png" alt="5 > 3" />and <hr>', "and"),
    ("<speak>Hello <foo>there</foo></speak>", "Hello there"),
    ("press <Enter> now", "press Enter now"),
    ("John <john@x.org> wrote", "John john at X dot org wrote"),
    ("see <https://www.x.org/a>.", "see W W W dot X dot org slash A."),
]

SHOUTING: Cases = [
    ("MR. SMITH AND DR. JONES", "Mister Smith and Doctor Jones"),
    ("ST. JOHN'S CHURCH", "Saint John's church"),
    ("JAN. 5, 2020", "January fifth, twenty twenty"),
    ("THE 1990S AND THE 3RD MAN", "the nineteen nineties and the third man"),
    ("KING HENRY VIII DIED", "king Henry the eighth died"),
    ("ON MONDAY, THE FBI SAID NO. THE CIA DID NOT.", "on Monday, the F B I said no. the C I A did not."),
]

APOSTROPHES: Cases = [
    ("it's don't o'clock", "it's don't o'clock"),
    ("the dogs' bowls", "the dogs bowls"),
    ("goin' home", "goin' home"),
    ("'tis nothing, get 'em", "'tis nothing, get 'em"),
    ("'Come in', he said", "Come in, he said"),
    ("the 'so-called' expert", "the so called expert"),
    ("rock 'n' roll", "rock and roll"),
    ("rock'n'roll", "rock and roll"),
    ("James’s book", "James's book"),
    ("''", ""),
]

TITLES: Cases = [
    ("Mr. and Mrs. Smith", "Mister and Missus Smith"),
    ("Mr Brown met Ms. Green", "Mister Brown met Ms Green"),
    ("Dr. Jones is in.", "Doctor Jones is in."),
    ("Dr Jones", "Doctor Jones"),
    ("He lives on Elm Dr. now.", "He lives on Elm Drive now."),
    ("He lives at 12 Elm Dr.", "He lives at twelve Elm Drive."),
    ("St. John went to Main St. yesterday.", "Saint John went to Main Street yesterday."),
    ("St. Paul's on St. James St.", "Saint Paul's on Saint James Street."),
    ("in St Louis", "in Saint Louis"),
    ("We met on Wall St. The rest is history.", "We met on Wall Street. The rest is history."),
    ("5th St. and 3rd Ave.", "fifth Street and third Avenue."),
    ("Prof. Lee, Gen. Grant and Lt. Col. Hall", "Professor Lee, General Grant and Lieutenant Colonel Hall"),
    ("Sen. Warren and Rep. Lewis", "Senator Warren and Representative Lewis"),
    ("Rev. King and Gov. Brown", "Reverend King and Governor Brown"),
    ("Mt. Everest and Ft. Worth", "Mount Everest and Fort Worth"),
    ("Sgt. Pepper, Capt. Kirk, Adm. Nelson", "Sergeant Pepper, Captain Kirk, Admiral Nelson"),
    ("Martin Luther King Jr. spoke.", "Martin Luther King Junior spoke."),
    ("Sammy Davis, Jr.", "Sammy Davis, Junior."),
    ("John Adams Sr. was here", "John Adams Senior was here"),
    ("J. K. Rowling and J.R.R. Tolkien", "J K Rowling and J R R Tolkien"),
    ("George W. Bush", "George W Bush"),
]

COMPANIES_AND_STREETS: Cases = [
    ("Apple Inc. is big.", "Apple Incorporated is big."),
    ("He works for Apple Inc. The pay is good.", "He works for Apple Incorporated. The pay is good."),
    ("Smith & Co. Ltd.", "Smith and Company Limited."),
    ("Acme Corp. CEO Jane Roe", "Acme Corporation C E O Jane Roe"),
    ("Warner Bros. films", "Warner Brothers films"),
    ("Sunset Blvd. at night", "Sunset Boulevard at night"),
    ("Abbey Rd. and Park Ave", "Abbey Road and Park Avenue"),
    ("Pennsylvania Ave. NW, Washington", "Pennsylvania Avenue Northwest, Washington"),
    ("123 N. Main St.", "one twenty three North Main Street."),
    ("Springfield, IL 62701", "Springfield, Illinois six two seven zero one"),
    ("Austin, TX is hot.", "Austin, Texas is hot."),
    ("Boston, Mass. is cold", "Boston, Massachusetts is cold"),
    ("Yes, OK then", "Yes, okay then"),
    ("Washington, D.C.", "Washington, D C."),
]

ABBREVIATIONS: Cases = [
    ("fruit, e.g. apples", "fruit, for example apples"),
    ("fruit, e.g., apples", "fruit, for example, apples"),
    ("the first, i.e. the best", "the first, that is the best"),
    ("cats, dogs, etc.", "cats, dogs, et cetera."),
    ("cats, etc. and dogs", "cats, et cetera and dogs"),
    ("cats, etc.), and dogs", "cats, et cetera, and dogs"),
    ("Cats, etc. The dogs", "Cats, et cetera. The dogs"),
    ("Ali vs. Frazier", "Ali versus Frazier"),
    ("Roe v. Wade", "Roe versus Wade"),
    ("approx. five", "approximately five"),
    ("Smith et al. found", "Smith et al found"),
    ("a.k.a. the boss", "A K A the boss"),
    ("cf. the above", "compare the above"),
    ("tea w/ milk, w/o sugar", "tea with milk, without sugar"),
    ("c/o Jones", "care of Jones"),
    ("No. 5 is alive", "Number five is alive"),
    ("Symphony No. 9", "Symphony Number nine"),
    ("He said no. Five left.", "He said no. Five left."),
    ("№ 7", "Number seven"),
    ("see Fig. 3, p. 12 and pp. 3-5", "see Figure three, page twelve and pages three to five"),
    ("Vol. II, ch. 4", "Volume two, chapter four"),
    ("Sec. 3, Art. 5", "Section three, Article five"),
    ("c. 1850", "circa eighteen fifty"),
    ("est. 1920", "established nineteen twenty"),
    ("Ph.D. and M.D.", "P H D and M D."),
    ("the U.S. Army", "the U S Army"),
    ("He moved to the U.S. The move was hard.", "He moved to the U S. The move was hard."),
    ("at 5 p.m. on Mon., Jan. 3", "at five P M on Monday, January third"),
    ("every Tues. and Sat.", "every Tuesday and Saturday."),
    ("Mon-Fri", "Monday to Friday"),
    ("He sat. The sun set.", "He sat. The sun set."),
    ("in Sept. we left", "in September we left"),
    ("Dec. 25", "December twenty fifth"),
    ("Dept. of Defense", "Department of Defense"),
    ("ext. 42", "extension four two"),
    ("l. 5 on p. A1, Pp. 3-5", "line five on page A one, Pages three to five"),
    ("Tues. Mar. 12", "Tuesday March twelfth"),
    ("On Mon. Dec. 4 we met", "On Monday December fourth we met"),
    ("Thurs. May 9", "Thursday May ninth"),
    ("on Fri. night and Sat. mornings", "on Friday night and Saturday mornings"),
    ("The Sun. May I go?", "The Sun. May I go?"),
    ("I sat. Morning came.", "I sat. Morning came."),
    ("max. 5 people", "maximum five people"),
]

CAPITALS: Cases = [
    ("the USA and the UK", "the U S A and the U K"),
    ("the FBI, the CIA and the NSA", "the F B I, the C I A and the N S A"),
    ("NASA, NATO and UNESCO", "nasa, nato and unesco"),
    ("her PhD and his MBA", "her P H D and his M B A"),
    ("URLs, CPUs and DVDs", "U R L's, C P U's and D V D's"),
    ("the FBI's files", "the F B I's files"),
    ("NASA's rocket", "nasa's rocket"),
    ("HTML and CSS, html and css", "H T M L and C S S, H T M L and C S S"),
    ("STOP! That is NOT good.", "stop! That is not good."),
    ("DO NOT ENTER", "do not enter"),
    ("BREAKING NEWS: the FBI was there", "breaking news, the F B I was there"),
    ("THE FBI IS A FRIEND", "the F B I is a friend"),
    ("THIS IS A TEST", "this is a test"),
    ("I am OK", "I am okay"),
    ("Plan B and vitamin C", "Plan B and vitamin C"),
    ("Plan A works", "Plan A works"),
    ("A dog is a dog.", "a dog is a dog."),
    ("The Story of A Dog", "The Story of a Dog"),
    ("He got an A in art.", "He got an A in art."),
    ("A is for apple", "A is for apple"),
    ("from A to Z", "from A to Z"),
    ("the letter a", "the letter A"),
    ("options (a) and (b)", "options, A, and, B"),
    ("x and y", "X and Y"),
    ("AT&T and R&D", "A T and T and R and D"),
    ("a Q&A with M&Ms", "a Q and A with M and M's"),
    ("JPEG, GMAT, NAACP", "jay peg, gee mat, N double A C P"),
    ("OpenAI and ChatGPT", "Open A I and Chat G P T"),
    ("YouTube, JavaScript, iPhone, eBay", "You Tube, Java Script, I phone, E bay"),
    ("McDonald and DeVito and MacArthur", "McDonald and DeVito and MacArthur"),
    ("O'Brien's", "O'Brien's"),
    ("mRNA and DNA", "M R N A and D N A"),
    ("the WHO and the IMF", "the W H O and the I M F"),
    ("IEEE, NCAA, OECD, UNHCR", "I triple E, N C double A, O E C D, U N H C R"),
    ("TV, PCs, PINs, SIM", "T V, P C's, pins, sim"),
    ("hmm, shh, psst", "hmm, shh, psst"),
    ("WW2 and WWII", "World War two and World War two"),
    ("TGIF, ASAP, FAQ", "T G I F, A S A P, F A Q"),
    ("SARS, MERS and AIDS", "sars, mers and aids"),
    ("Q3 results", "Q three results"),
]

ADDRESSES: Cases = [
    ("john.doe@example.com", "john dot doe at example dot com"),
    ("Mail info_2@mail.example.co.uk.", "Mail info underscore two at mail dot example dot co dot U K."),
    ("a-b+c@x.org", "A dash B plus C at X dot org"),
    ("https://www.example.org/path_1", "W W W dot example dot org slash path underscore one"),
    ("Visit www.example.com.", "Visit W W W dot example dot com."),
    ("(see example.com)", "see example dot com"),
    ("example.com/a/b.html", "example dot com slash A slash B dot H T M L"),
    ("http://x.edu/?q=1&r=two", "X dot E D U slash question mark Q equals one and R equals two"),
    ("github.io, openai.ai", "github dot I O, openai dot A I"),
    ("#ThrowbackThursday @jack", "hashtag Throwback Thursday at jack"),
    ("#metoo", "hashtag metoo"),
    ("@NASA_Fan42", "at nasa underscore Fan forty two"),
    ("open report.pdf and main.py", "open report dot P D F and main dot P Y"),
    ("my-file_v2.tar.gz", "my dash file underscore V two dot tar dot G Z"),
    ("Send report.pdf. John will read it.", "Send report dot P D F. John will read it."),
    ("Visit x.us. John went.", "Visit X dot U S. John went."),
    ("song.mp3", "song dot M P three"),
    ("/site/www/bin", "slash site slash W W W slash bin"),
    ("C:\\Users\\me\\a.txt", "C colon backslash Users backslash me backslash A dot T X T"),
    ("~/notes.md", "tilde slash notes dot M D"),
    ("Node.js and .NET", "Node dot J S and dot net"),
    ("ends here.Then goes", "ends here. Then goes"),
    ("Yahoo.com's page", "Yahoo dot com's page"),
    ("ftp://files.example.net", "files dot example dot net"),
]

SIGNS: Cases = [
    ("salt & pepper", "salt and pepper"),
    ("2 + 2 = 4", "two plus two equals four"),
    ("5 × 3 = 15", "five times three equals fifteen"),
    ("6 ÷ 2", "six divided by two"),
    ("±5", "plus or minus five"),
    ("≈ 10", "approximately ten"),
    ("3 ≤ 4 ≥ 1 ≠ 2", "three less than or equal to four greater than or equal to one is not equal to two"),
    ("x < y > z", "X less than Y greater than Z"),
    ("aged <18 or >65 were", "aged less than eighteen or greater than sixty five were"),
    ("If x <5 and y >3, stop.", "If X less than five and Y greater than three, stop."),
    ("Is x<y or y>z?", "Is X less than Y or Y greater than Z?"),
    ("x<y>z and x<b>c", "X less than Y greater than Z and X less than B greater than C"),
    ("children aged <3 years", "children aged less than three years"),
    ("p <3.", "P less than three."),
    ("I <3 you <3", "I you"),
    ("A → B", "A to B"),
    ("© 2020 Acme™", "copyright twenty twenty Acme"),
    ("§ 5", "section five"),
    ("50%", "fifty percent"),
    ("#1", "number one"),
    ("C++, C# and F#", "C plus plus, C sharp and F sharp"),
    ("an A+ paper", "an A plus paper"),
    ("α and β, π", "alpha and beta, pi"),
    ("√2, ∞", "the square root of two, infinity"),
    ("x² + y³ = z^n", "X squared plus Y cubed equals Z to the power of N"),
    ("10^6 and 10⁻³", "ten to the power of six and ten to the power of minus three"),
    ("a note.¹ Then", "a note. Then"),
    ("CO₂ and H₂O", "C O two and H two O"),
    ("I ♥ you 😀!", "I you!"),
    ("~20 people", "about twenty people"),
    ("if a != b", "if a is not equal to B"),
    ("one | two", "one, two"),
    ("3 * 4", "three times four"),
    ("f(x) = 3x + 2", "F X equals three X plus two"),
    ("y = 2x", "Y equals two X"),
]

ROMAN: Cases = [
    ("Henry VIII", "Henry the eighth"),
    ("Louis XIV's court", "Louis the fourteenth's court"),
    ("Elizabeth I was queen.", "Elizabeth the first was queen."),
    ("Queen Elizabeth II", "Queen Elizabeth the second"),
    ("Charles I think is right", "Charles I think is right"),
    ("Pope John Paul II", "Pope John Paul the second"),
    ("George V and Pius X", "George the fifth and Pius the tenth"),
    ("John Smith III", "John Smith the third"),
    ("Chapter IV", "Chapter four"),
    ("CHAPTER XII", "Chapter twelve"),
    ("Part I, Act V, Scene ii", "Part one, Act five, Scene two"),
    ("World War II and World War I", "World War two and World War one"),
    ("Super Bowl LIV", "Super Bowl fifty four"),
    ("Rocky IV, Apollo XIII", "Rocky four, Apollo thirteen"),
    ("Type II diabetes", "Type two diabetes"),
    ("the XIX century", "the nineteenth century"),
    ("the XVIIIth century", "the eighteenth century"),
    ("pages xii-xv", "pages twelve to fifteen"),
    ("I am here and I think.", "I am here and I think."),
    ("Malcolm X", "Malcolm X"),
    ("a CD in DC", "a C D in D C"),
    ("(i) one (ii) two", "one, one, two, two"),
    ("g(x) and h(i)", "G X, and H I"),
    ("Title IX", "Title nine"),
    ("Vatican II", "Vatican two"),
    ("Final Fantasy VII", "Final Fantasy seven"),
]

TABLES = {
    "shouting": SHOUTING,
    "punctuation": PUNCTUATION,
    "apostrophes": APOSTROPHES,
    "titles": TITLES,
    "companies": COMPANIES_AND_STREETS,
    "abbreviations": ABBREVIATIONS,
    "capitals": CAPITALS,
    "addresses": ADDRESSES,
    "signs": SIGNS,
    "roman": ROMAN,
}


@pytest.mark.parametrize(
    ("written", "spoken"),
    [pytest.param(*case, id=f"{name}: {case[0]}") for name, table in TABLES.items() for case in table],
)
def test_spoken_form(written: str, spoken: str) -> None:
    assert spoken_form(written) == spoken


MODERN: Cases = [
    ("S&P 500: -3.2% on Tues., they say.", "S and P five hundred, minus three point two percent on Tuesday, they say."),
    ("In Q4 '21 it fell.", "In Q four twenty one it fell."),
    ("He scored 25 pts., then left.", "He scored twenty five points, then left."),
    ("between 9am and 5pm EST (GMT-5)", "between nine A M and five P M E S T, G M T minus five"),
    ("The A380 and the 737-800", "The A three eighty and the seven thirty seven eight hundred"),
    ("He's 6'2\", 190 lbs., and well", "He's six foot two, one hundred ninety pounds, and well"),
    ("Smith, J. (2005). The book.", "Smith, J, two thousand five. The book."),
    ("Mr. T. and Dr. J. met Mr. X.", "Mister T and Doctor J met Mister X."),
    ("Please RSVP by Fri. 12/4 @ 7:30 pm.", "Please R S V P by Friday December fourth at seven thirty P M."),
    ("Matt. 5:3-12, 1 Cor. 13:4", "Matthew five three to twelve, First Corinthians thirteen four"),
    ("The $1.9T bill passed 50–49.", "The one point nine trillion dollar bill passed fifty to forty nine."),
    ("L'Oréal, d'Artagnan, y'all, ma'am", "L'Oreal, d'Artagnan, y'all, ma'am"),
    ("E=mc^2", "E equals M C squared"),
    ("p < 0.05; n = 20", "P less than zero point zero five, N equals twenty"),
    ("a T-shirt, an X-ray, an e-mail", "a T shirt, an X ray, an E mail"),
    ("(1) First; a) second", "one, First, A, second"),
    ("$0.99/lb; $1/hr.; 60¢/min", "ninety nine cents per pound, one dollar per hour, sixty cents per minute"),
    ("WARNING: DO NOT TOUCH!", "warning, do not touch!"),
    ("foo_bar and camelCase", "foo bar and camel Case"),
    ("I love it :) <3", "I love it"),
    ("from A-Z", "from A to Z"),
    ("b. 1900, d. 1980", "born nineteen hundred, died nineteen eighty"),
    ("*67", "star sixty seven"),
    ("The answer is C. 12 people agreed.", "The answer is C. twelve people agreed."),
    ("Take vitamin C. 500 mg", "Take vitamin C. five hundred milligrams"),
    ("Pub. L. 104", "Pub. L. one hundred four"),
]  # fmt: skip


@pytest.mark.parametrize(("written", "spoken"), MODERN)
def test_running_text(written: str, spoken: str) -> None:
    assert spoken_form(written) == spoken


KNOWN_FAILURES: Cases = [
    ("an A- paper", "an A minus paper"),
    ("3,14 is pi in Germany", "three point one four is pi in Germany"),
    ("4x100 m relay", "four by one hundred meter relay"),
    ("Sr. Maria prays", "Sister Maria prays"),
    ("NaCl and KCl", "N A C L and K C L"),
    ("Take I-95 N to Exit 4", "Take I ninety five North to Exit four"),
    ("the 24 George III. c. 54", "the twenty four George the third chapter fifty four"),
    ("won 2-0", "won two nothing"),
    ("the firm 3M", "the firm three M"),
    ("2 c. flour", "two cups flour"),
    ("Lake Shore Dr. Chicago", "Lake Shore Drive Chicago"),
    ("10 500 people", "ten thousand five hundred people"),
    ("LaTeX", "latex"),
    ("In May 5 people came", "In May five people came"),
]


@pytest.mark.xfail(strict=True, reason="known failures, listed in docs/spoken-form.md")
@pytest.mark.parametrize(("written", "spoken"), KNOWN_FAILURES)
def test_known_failures(written: str, spoken: str) -> None:
    assert spoken_form(written) == spoken


ALPHABET = re.compile(r"(?:WORD(?:[,.?!]? WORD)*[,.?!]?)?".replace("WORD", r"'?[A-Za-z]+(?:'[A-Za-z]+)*'?"))
PIECES = st.sampled_from(
    [*re.findall(r"\S+", " ".join(written for table in TABLES.values() for written, _ in table)), *" .,'-/$%°()\n"]
)


@given(st.one_of(st.text(max_size=60), st.lists(PIECES, max_size=12).map("".join), st.lists(PIECES).map(" ".join)))
def test_any_text_gives_words_and_marks(text: str) -> None:
    assert ALPHABET.fullmatch(spoken_form(text))
    assert all(stretch in text for stretch in unreadable(text))


@given(st.lists(st.sampled_from("the cat who sat near my old house said nothing at all today".split()), min_size=1))
def test_plain_words_stay(words: list[str]) -> None:
    text = " ".join(words)
    assert spoken_form(text) == text
    assert spoken_form(text.capitalize() + ".") == text.capitalize() + "."


SAID_AGAIN_OTHERWISE = {"Plan A works", "A is for apple", "the letter a", "options (a) and (b)", "a-b+c@x.org"}


def test_what_is_spoken_is_read_as_it_stands() -> None:
    """Reading the result once more changes nothing, but for an "A" whose context has gone."""
    changed = []
    for table in TABLES.values():
        for written, spoken in table:
            if spoken_form(spoken) != spoken and written not in SAID_AGAIN_OTHERWISE:
                changed.append((spoken, spoken_form(spoken)))
    assert not changed


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Hello, naïve café №5 ½ α 3×4 ™", []),
        ("say Привет to 你好!", ["Привет", "你好"]),
        ("I ♥ you 😀", ["♥", "😀"]),
        ("λόγος and λ", ["λόγος"]),
        ("नमस्ते", ["नमस्ते"]),
        ("plain", []),
        ("你好 你好", ["你好"]),
        ("٣ ３ ①", []),
        ("zero\u200bwidth\ufeff", []),
    ],
)
def test_unreadable(text: str, expected: list[str]) -> None:
    assert unreadable(text) == expected


HOSTILE = (
    "1", "a.", "1,", "111,", "1.", "1-", "1/", "A", "A ", "a@", "@", "/a", "$1", "(", "'", '"', '1"', " ", ".", ". ",
    "{", "<a", "1 ", "II ", "Henry I ", "5 km/", "x^", "12:30:", "May 5 ", "Dr. ", "http://", "www.", "1st", "- ",
    "+1 ", "é", "你", "😀", "AB-", "\\a", "&", "U.S. ", "5'", "#a", "1e", "a_", "000 ",
)  # fmt: skip


@pytest.mark.parametrize("part", HOSTILE)
def test_hostile_text_takes_linear_time(part: str) -> None:
    """Ten times the text takes about ten times as long; a hundred times were quadratic."""
    short, long = part * (400 // len(part)), part * (4000 // len(part))
    fast = min(_cpu(short) for _ in range(3))
    assert _cpu(long) < 30 * fast + 0.1


def _cpu(text: str) -> float:
    begin = time.process_time()
    spoken_form(text)
    return time.process_time() - begin


def test_long_text_is_read_whole() -> None:
    sentence = "Dr. Smith paid $5 on May 5, 2019. "
    spoken = spoken_form(sentence * 300)
    assert spoken == " ".join(["Doctor Smith paid five dollars on May fifth, twenty nineteen."] * 300)


DATA = Path(os.environ.get("VIVAVOCE_DATA", Path(__file__).parents[3] / "shared" / "data"))
DICTIONARY = DATA / "cmudict" / "cmudict.dict"
PAGE = Path(__file__).parents[2] / "docs" / "spoken-form.md"
UNLISTED = set(
    "covid conf efa gif yammel tommel kilohertz gigahertz terahertz carat kilojoule omicron tau upsilon eta caret "
    "quadrillion quintillion sextillion septillion octillion nonillion".split()
)


def test_the_page_lists_the_known_failures() -> None:
    rows = re.findall(r"^\| (.+?) \| (.+?) \| (.+?) \|$", PAGE.read_text(encoding="utf-8"), re.M)
    listed = {written: (now, wanted) for written, now, wanted in rows}
    for written, wanted in KNOWN_FAILURES:
        assert listed.get(written) == (spoken_form(written), wanted)


def test_the_page_tells_what_is_read_how() -> None:
    page = PAGE.read_text(encoding="utf-8").partition("## What is read how")[2].partition("##")[0]
    rows = re.findall(r"^\| (.+?) \| (.+?) \|$", page, re.M)[1:]
    assert len(rows) > 20
    for written, spoken in rows:
        assert " · ".join(spoken_form(one) for one in written.split(" · ")) == spoken


@pytest.mark.skipif(not DICTIONARY.is_file(), reason="needs the pronouncing dictionary")
def test_words_of_the_tables_are_in_the_dictionary() -> None:
    """What stands for abbreviations and signs can be said without guessing; the exceptions are few and named."""
    from vivavoce.text import initialisms, spoken_abbreviations, spoken_addresses, spoken_symbols

    known = {line.split()[0].split("(")[0] for line in DICTIONARY.read_text(encoding="utf-8").splitlines() if line}
    said = [
        *spoken_abbreviations.TITLES.values(),
        *spoken_abbreviations.AFTER_NAMES.values(),
        *spoken_abbreviations.ANYWHERE.values(),
        *spoken_abbreviations.BEFORE_NUMBERS.values(),
        *spoken_abbreviations.STATES.values(),
        *spoken_addresses.SIGNS.values(),
        *spoken_addresses.EXTENSIONS.values(),
        *spoken_symbols.NAMED.values(),
        *spoken_symbols.GREEK.values(),
        *initialisms.WORDS.values(),
    ]
    words = {word.lower() for phrase in said for word in phrase.split()}
    assert words - known - UNLISTED == set()
