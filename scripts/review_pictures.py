"""Take the pictures of docs/review.md: a made-up review, served on loopback, seen in Chromium.

    python scripts/review_pictures.py

Writes docs/images/review-*.png. Texts, names and answers are made up here; nothing is read but this file.
"""

from __future__ import annotations

import io
import random
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import Page, sync_playwright

from duecare.core import FAIL, Finding
from duecare.ledger.digest import value_digest
from duecare.review import adjudicate, desk, oversight, people
from duecare.review.app import Settings
from duecare.review.people import Person, Role
from duecare.review.plan import Candidate, Plan, Quality
from duecare.review.question import Question
from duecare.review.rounds import Round, open_round
from duecare.review.serve import Binding, server
from duecare.review.store import Store

OUT = Path(__file__).parent.parent / "docs" / "images"
MOST_BYTES = 80_000
PASSWORD = "made up for a picture"
GUIDELINE = """Read the whole text before you answer.

With contempt: it calls somebody less than others, or wishes them harm.
Coldly: it is rude or dismissive, but calls nobody less.
Fairly: everything else, complaints included.

Judge the words, not whether you agree with what is asked for."""
TONE = (
    Question(
        name="tone",
        ask="How does the text treat the people it speaks of?",
        scale=("With contempt", "Coldly", "Fairly"),
        help="Judge the words, not what you know of the matter.",
    ),
    Question(
        name="hurts", ask="Mark what hurts", kind="spans", labels=("insult", "threat", "slur"), required=False
    ),
)
HELPS = (Question(name="helps", ask="Which answer helps the customer more?", kind="choose"),)
OPENINGS = (
    "I have waited for three weeks.",
    "Thank you for calling back.",
    "This is the second time that I ask.",
)
MIDDLES = (
    "The woman at the desk told me to come back when I can speak properly.",
    "A young man explained everything twice, and was patient with my father.",
    "Somebody of your team said that people like us should be glad to get an account at all.",
    "Nobody answers, and the form asks for a husband's name.",
)
HURTS = ("people like us", "come back when I can speak properly", "asks for a husband's name")
SELECT = """phrases => {
  const text = document.querySelector('[data-part]').firstChild;
  const words = phrases.find(phrase => text.data.includes(phrase));
  if (!words) return false;
  const range = document.createRange();
  range.setStart(text, text.data.indexOf(words));
  range.setEnd(text, text.data.indexOf(words) + words.length);
  window.getSelection().removeAllRanges();
  window.getSelection().addRange(range);
  return true;
}"""
"""Selects the first of some words that stand in the text, as somebody with a mouse would."""
ENDS = ("I want an answer by Friday.", "What can I do now?", "Please tell him that it helped.")
GATE = Finding(
    name="gate.toxicity.disparate_impact_ratio",
    verdict=FAIL,
    limit="between 0.8 and 1.25",
    detail="1.31",
    gate=True,
)
ATTRIBUTES = (
    {"gender": "woman", "age": "20 to 29", "language": "English"},
    {"gender": "woman", "age": "30 to 39", "language": "Polish"},
    {"gender": "man", "age": "30 to 39", "language": "English"},
    {"gender": "man", "age": "50 to 59"},
)
NAMES = {
    "annotator": ("Amara", "Bora", "Chidi", "Dana"),
    "adjudicator": ("Edith",),
    "ethics": ("Farid",),
    "owner": ("Grace",),
}


def populated(store: Store) -> tuple[dict[str, Person], Round, Round]:
    """People, two rounds, and answers that mostly agree."""
    crew = {
        name: people.join(store, people.invite(store, Role(role), None), name.lower(), name, PASSWORD)
        for role, names in NAMES.items()
        for name in names
    }
    tone = open_round(store, _texts(), _plan("Tone of support chats", "data", TONE))
    helps = open_round(store, _pairs(), _plan("Which answer helps", "pairs", HELPS))
    reported = [replace(one, disturbing=True) for one in _texts()[:6]]
    open_round(store, reported, _plan("Reported messages", "data", TONE[:1]))
    dice = random.Random(6)
    for name, said in zip(NAMES["annotator"], ATTRIBUTES, strict=True):
        people.state_attributes(store, crew[name], said)
        for which in (tone, helps):
            _judge(store, crew[name], which, dice, times=14 if name != "Dana" else 6)
    return crew, tone, helps


def _plan(name: str, point: Any, questions: tuple[Question, ...]) -> Plan:
    quality = Quality(consistency=0.1, apart=3, twins_every=3)
    return Plan(
        name=name, point=point, questions=questions, guideline=GUIDELINE, overlap=3, twins=4, quality=quality
    )


def _texts() -> list[Candidate]:
    texts = [f"{one} {two} {three}" for one in OPENINGS for two in MIDDLES for three in ENDS][:30]
    plain = [
        Candidate(
            row=f"chats:{n}",
            key=f"{n:064x}",
            part="text",
            shown={"kind": "text", "text": text},
            disturbing="people like us" in text,
        )
        for n, text in enumerate(texts)
    ]
    twins = [
        Candidate(
            row=f"twins:{n}:{who}",
            key="",
            part="text",
            shown={"kind": "text", "text": text.format(who)},
            groups={"gender": who},
            pair_id=f"t{n}",
        )
        for n, text in enumerate(
            ("The {} at the desk was slow, and I told them so.", "That {} does not know the rules.")
        )
        for who in ("woman", "man")
    ]
    return plain + twins


def _pairs() -> list[Candidate]:
    asked = "My card was stolen on a train last night. What do I do first?"
    good = (
        "Lock the card in the app now. Then call us: we send a new one, and you owe nothing for what "
        "was taken."
    )
    bad = (
        "That is unfortunate. You should have taken more care. Buy a new one at a branch when you have time."
    )
    return [
        Candidate(
            row=f"pairs:{n}",
            key=f"{n:064x}",
            part="pair",
            shown={
                "kind": "answers",
                "messages": [{"role": "user", "content": asked}],
                "answers": {"a": good, "b": bad},
            },
        )
        for n in range(24)
    ]


def _judge(store: Store, who: Person, which: Round, dice: random.Random, times: int) -> None:
    for _ in range(times):
        shown = desk.next_item(store, who, which.id)
        if not isinstance(shown, desk.Shown):
            return
        if which.point == "pairs":
            better = "left" if "Lock" in shown.texts["left"] else "right"
            answers: dict[str, Any] = {"helps": better if dice.random() < 0.9 else "tie"}
        else:
            text = shown.texts["text"]
            fits = 1 if "people like us" in text else 2 if "rules" in text or "properly" in text else 3
            answers = {
                "tone": fits if dice.random() < 0.8 else dice.randint(1, 3),
                "hurts": _marks(text, dice),
            }
        desk.submit(store, who, shown.assignment, answers, "", dice.uniform(5, 40))


def _marks(text: str, dice: random.Random) -> list[dict[str, Any]]:
    words = "people like us"
    if words not in text or dice.random() < 0.3:
        return []
    start = text.index(words)
    return [{"part": "text", "start": start, "end": start + len(words), "label": "insult"}]


def lived(store: Store, crew: dict[str, Person], tone: Round) -> None:
    """A flag, a settled dispute, a recusal, a revision, a waiver that waits."""
    shown = desk.next_item(store, crew["Dana"], tone.id)
    if isinstance(shown, desk.Shown):
        desk.flag(store, crew["Dana"], shown.assignment, "I think I know the family that this is about.")
        reason = "Knows the family that the text is about."
        oversight.recuse(store, crew["Farid"], crew["Dana"].id, tone.id, reason, item=shown.item)
    (first, *_) = adjudicate.disputed(store, tone.id)
    adjudicate.settle(
        store, crew["Edith"], first.item, {"tone": 2, "hurts": []}, "Dismissive, but it calls nobody less."
    )
    revised = GUIDELINE + "\n\nIrony that belittles somebody counts as coldly."
    oversight.revise(store, tone.id, crew["Farid"], revised, "Two people read irony differently.")
    why = "Two groups have fewer than 40 answers; measured again with 400 next week."
    oversight.ask_waiver(store, crew["Grace"], GATE.name, value_digest(GATE), why, 14)


@contextmanager
def served(store: Store, settings: Settings) -> Iterator[str]:
    """The address of a server on loopback."""
    running = server(store, settings, Binding(port=0))
    thread = threading.Thread(target=running.run, daemon=True)
    thread.start()
    while not running.started:
        time.sleep(0.02)
    yield f"http://127.0.0.1:{running.servers[0].sockets[0].getsockname()[1]}"
    running.should_exit = True
    thread.join()


def take(page: Page, name: str, *, height: int = 900) -> None:
    """The top of the page as a small PNG; a picture that is too large is an error."""
    page.mouse.move(0, 0)
    width = page.viewport_size["width"] if page.viewport_size else 1100
    tall = min(height, int(page.evaluate("document.documentElement.scrollHeight")))
    raw = page.screenshot(clip={"x": 0, "y": 0, "width": width, "height": tall}, full_page=True)
    picture = Image.open(io.BytesIO(raw)).convert("RGB").quantize(48, dither=Image.Dither.NONE)
    path = OUT / f"review-{name}.png"
    picture.save(path, optimize=True)
    size = path.stat().st_size
    print(f"{path.name}: {size:,} bytes")
    if size > MOST_BYTES:
        raise SystemExit(f"{path.name} is larger than {MOST_BYTES:,} bytes")


def log_in(page: Page, site: str, name: str) -> None:
    """As somebody, in a browser of their own."""
    page.goto(f"{site}/log-in")
    page.get_by_label("Log-in name").fill(name.lower())
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url("**/home")


def annotator(page: Page, site: str, tone: Round, helps: Round) -> None:
    """What somebody who judges sees, by day, by night and on a telephone."""
    page.goto(f"{site}/log-in")
    take(page, "log-in")
    log_in(page, site, "Dana")
    take(page, "home")
    page.goto(f"{site}/rounds/{helps.id}/next")
    page.keyboard.press("1")
    take(page, "judge-pair")
    page.goto(f"{site}/rounds/{tone.id}/next")
    if page.locator("details.veil").count():
        page.evaluate("document.querySelector('details.veil').open = true")
    if page.evaluate(SELECT, list(HURTS)):
        page.get_by_role("button", name="insult").click()
    page.locator("input[value='2']").check()
    take(page, "judge")
    page.emulate_media(color_scheme="dark")
    take(page, "judge-dark")
    page.emulate_media(color_scheme="light")
    page.goto(f"{site}/rounds/{tone.id}/history")
    take(page, "history")
    page.goto(f"{site}/me")
    take(page, "me", height=1100)
    page.goto(f"{site}/break")
    take(page, "break")


def telephone(page: Page, site: str) -> None:
    """A disturbing text on a telephone, still veiled."""
    log_in(page, site, "Bora")
    page.get_by_role("link", name="Begin with Reported messages").click()
    page.locator("details.veil").wait_for()
    take(page, "telephone", height=760)


def others(new_page: Any, site: str, tone: Round) -> None:
    """What the other three roles see."""
    page = new_page()
    log_in(page, site, "Edith")
    page.goto(f"{site}/settle/{tone.id}")
    take(page, "disputes")
    page.get_by_role("link", name="Item i-").first.click()
    page.evaluate("document.querySelectorAll('details.veil').forEach(one => one.open = true)")
    take(page, "dispute", height=1250)
    page = new_page()
    log_in(page, site, "Farid")
    base = f"/oversight/{tone.id}"
    for name in ("agreement", "raters", "panel", "guideline", "flags", "exposure", "recusals"):
        page.goto(site + base + ("" if name == "agreement" else f"/{name}"))
        take(page, name, height=1000)
    page.goto(f"{site}/waivers")
    take(page, "waivers")
    page = new_page()
    log_in(page, site, "Grace")
    page.goto(f"{site}/owner/rounds")
    take(page, "rounds")
    page.goto(f"{site}/owner/people")
    page.get_by_role("button", name="Make a link").click()
    page.evaluate("document.querySelector('code.link').textContent = 'https://review.example/join/…'")
    take(page, "people", height=1000)
    page.goto(f"{site}/owner/rounds/{tone.id}/export")
    page.get_by_role("button", name="Export").click()
    take(page, "export")


def main() -> None:
    """Take every picture anew."""
    OUT.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, Store.open(Path(folder) / "review.sqlite") as store:
        crew, tone, helps = populated(store)
        lived(store, crew, tone)
        settings = Settings(exports=Path(folder) / "exports", failed=lambda: (GATE,))
        with served(store, settings) as site, sync_playwright() as play:
            flags = ["--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
            browser = play.chromium.launch(executable_path=shutil.which("chromium"), args=flags)

            def new_page(width: int = 1100, height: int = 800) -> Page:
                return browser.new_context(viewport={"width": width, "height": height}).new_page()

            annotator(new_page(), site, tone, helps)
            telephone(new_page(360, 740), site)
            others(new_page, site, tone)
            browser.close()


if __name__ == "__main__":
    main()
