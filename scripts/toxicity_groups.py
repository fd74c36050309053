"""Words that name a group of people: to the fast tier they are all one word, whichever group it is.

From the identity lexicon and from words of our own. The groups that the functional test keeps unseen are not
among them, nor are names of invented groups; words with an everyday meaning ("old", "young") are left out.
"""

from __future__ import annotations

# ruff: noqa: E501 - a list of words is read whole, on its line
import json
import re
from importlib import resources

from toxicity_templates import OTHER_WORDS


def _listed(words: str) -> list[str]:
    return words.split()


GENDERED = _listed(
    "woman women female females man men male males girl girls boy boys lady ladies transgender trans transgenders "
    "transsexual transsexuals nonbinary genderqueer"
)
AGED = _listed(
    "elderly seniors pensioner pensioners teenager teenagers teenage teen teens millennial millennials boomer boomers"
)
MORE = _listed(
    "immigrant immigrants refugee refugees migrant migrants foreigner foreigners homosexual homosexuals heterosexual "
    "heterosexuals lgbt lgbtq lgbtqia lesbians gays blacks whites asians arab arabs arabian jew jews jewish muslim muslims islamic "
    "catholic catholics protestant protestants mormon mormons hispanic hispanics latino latinos latina latinas latinx "
    "natives aboriginal aboriginals gypsy gypsies roma romani travellers african africans caucasian caucasians oriental "
    "disabled handicapped autistic autistics deaf blind paralyzed paraplegic paraplegics amputee amputees wheelchair "
    "norwegian norwegians danish danes finnish finns swiss austrian austrians belgian belgians hungarian hungarians czech czechs "
    "bulgarian bulgarians serb serbs serbian serbians croatian croatians albanian albanians bosnian bosnians welsh scottish scots "
    "scandinavian scandinavians argentinian argentinians chilean chileans peruvian peruvians ecuadorian ecuadorians guatemalan "
    "guatemalans honduran hondurans salvadoran salvadorans nicaraguan nicaraguans panamanian panamanians puerto dominican "
    "dominicans tunisian tunisians algerian algerians libyan libyans sudanese congolese ugandan ugandans rwandan rwandans "
    "senegalese ivorian ivorians cameroonian cameroonians zimbabwean zimbabweans angolan angolans yemeni yemenis jordanian "
    "jordanians kuwaiti kuwaitis emirati emiratis qatari qataris malaysian malaysians singaporean singaporeans cambodian "
    "cambodians laotian laotians nepali nepalis lankan lankans taiwanese tibetan tibetans armenian armenians "
    "agnostic agnostics pagan pagans wiccan wiccans shinto scientologist scientologists evangelical evangelicals"
)
LEFT_OUT = {
    "gender", "people", "person", "non", "binary", "community", "with", "a", "and", "ill", "mental", "mentally", "physically",
    "illness", "user", "users", "old", "young", "older", "younger", "straight", "mobility", "middle", "aged", "spectrum", "bi",
    "pan", "ace", "the", "of", "god", "church", "mosque", "senior", "citizen", "atheism", "autism", "adhd", "buddhism",
    "catholicism", "christianity", "disability", "disabilities", "hinduism", "islam", "judaism", "sikhism", "taoism",
    "schizophrenia", "hijab", "wheelchair", "puerto", "dyslexia", "dyslexic", "pansexual", "poles", "shinto",
}  # fmt: skip
"""Words for something else than people, and those of groups that the functional test keeps unseen."""

_WORD = re.compile(r"[a-z]+")


def group_words() -> list[str]:
    """Every such word, lower case, sorted."""
    path = resources.files("duecare.detect") / "words" / "identity.json"
    terms = json.loads(path.read_text(encoding="utf-8"))["terms"]
    found = {*GENDERED, *AGED, *MORE}
    for term in terms:
        if term["axis"] in ("gender", "age"):
            continue
        forms = (term["adjective"], term["person"], term["people"], *term["mentions"], *term["guarded"])
        found.update(form.lower() for form in forms if _WORD.fullmatch(form.lower()))
        found.update(
            form.lower().split()[0] for form in forms[:3] if _WORD.fullmatch(form.lower().split()[0])
        )
    for _, _, *forms in OTHER_WORDS:
        found.update(form.lower() for form in forms if _WORD.fullmatch(form.lower()))
    return sorted(found - LEFT_OUT)
