"""Values that stand for nobody: those that duecare writes in place of personal data, known again by their form.

They come from ranges that are reserved for examples or never given out, and from names that are nobody's:
put together from syllables that no list of names holds. The detector passes over them, so that a text
from which personal data was taken out is found to hold none, however often it is looked at.

Telephone numbers: 555-01xx behind a North American area code whose second digit is 9 (no such code is
given out), or 07700 900xxx of Ofcom's numbers for drama. E-mail and user names: invented names, at
example.com, .org or .net (RFC 2606). IP: RFC 5737 and RFC 3849. MAC: RFC 7042. Numbers: five zeros first,
and a check digit that is wrong. Dates: of the nineteenth century.
"""

from __future__ import annotations

# ruff: noqa: E501 - a pattern or a list of words is read whole, on its line
import re
from functools import lru_cache

import numpy as np
import pyarrow as pa

from duecare.detect.context import word_set
from duecare.detect.registers import REGISTERS
from duecare.detect.sieve import without_looking_around

STEMS = ("Abri", "Belo", "Cado", "Desi", "Elvo", "Fari", "Gamo", "Hevi", "Ilbo", "Javi", "Kelo", "Lumi", "Mavo", "Nerri",
         "Obri", "Pelu", "Quibo", "Rondi", "Savo", "Tirri", "Ubelo", "Vondi", "Welo", "Yarri", "Zembo")  # fmt: skip
ENDINGS = {
    "feminine": ("selle", "vinda", "rissane", "lottine"),
    "masculine": ("mund", "drick", "vardo", "thorn"),
    "neutral": ("brin", "quill", "larken", "fenn"),
}
"""Given names are a stem and an ending; the ending reads as a woman's, a man's or anybody's name."""
FRONTS = ("Amber", "Brindle", "Copper", "Dapple", "Elder", "Fennel", "Gloam", "Heather", "Ivory", "Juniper", "Kestrel",
          "Lantern", "Mistle", "Nettle", "Ochre", "Pebble", "Quill", "Russet", "Saffron", "Tansy", "Umber", "Velvet",
          "Willow", "Yarrow", "Zephyr")  # fmt: skip
BACKS = ("wickle", "marrow", "hallowe", "quist", "mereby", "shanks", "dusk", "sparrow", "tharp", "fennimore", "grovel",
         "dapperley", "bottle", "knapp", "windle", "loam")  # fmt: skip
"""Surnames are a front and a back."""
STREETS = ("Example Street", "Sample Lane", "Placeholder Road", "Specimen Avenue", "Invented Way")
SCRIPTS = {
    "Cyrillic": (("Абрибрин", "Белоквилл", "Кадоларк", "Луминфен", "Рондибрин", "Тирриларк"),
                 ("Амбервикл", "Бриндлмарроу", "Копперквист", "Джуниперлоум", "Шафрантарп", "Виллоуданк")),
    "Greek": (("Αμπριμπριν", "Μπελοκουίλ", "Λουμιφένν", "Ροντιλάρκ"), ("Αμπεργουίκλ", "Κοπερκουίστ", "Τανσιλόουμ", "Ουμπερνάπ")),
    "Hebrew": (("אבריברין", "בלוקוויל", "לומיפן", "רונדילרק"), ("אמברוויקל", "קופרקוויסט", "טנסילום", "אומברנאפ")),
    "Arabic": (("أبريبرين", "بيلوكويل", "لوميفين", "رونديلارك"), ("أمبرويكل", "كوبركويست", "تانسيلوم", "أومبرناب")),
    "Devanagari": (("अब्रिब्रिन", "बेलोक्विल", "लुमिफेन", "रोंडिलार्क"), ("एम्बरविकल", "कॉपरक्विस्ट", "तान्सीलोम", "अंबरनैप")),
    "Kana": (("アブリブリン", "ベロクイル", "ルミフェン", "ロンディラーク"), ("アンバーウィックル", "カッパークイスト", "タンジーローム", "アンバーナップ")),
    "Hangul": (("아브리브린", "벨로퀼", "루미펜", "론디라크"), ("앰버위클", "코퍼퀴스트", "탠지롬", "엄버냅")),
    "Han": (("阿布里布林", "贝洛奎尔", "卢米芬", "隆迪拉克"), ("安伯维克尔", "科珀奎斯特", "坦西洛姆", "乌姆伯纳普")),
}  # fmt: skip
"""Given names and surnames, spelled as they sound, for names that are written in another script."""

_GIVEN = rf"(?:{'|'.join(STEMS)})(?:{'|'.join(end for ends in ENDINGS.values() for end in ends)})"
_SURNAME = rf"(?:{'|'.join(FRONTS)})(?:{'|'.join(BACKS)})"
_FOREIGN = "|".join(name for lists in SCRIPTS.values() for names in lists for name in names)
_NAME = rf"(?:{_GIVEN}|{_SURNAME}|{_FOREIGN})"
NAME = re.compile(_NAME, re.IGNORECASE)
"""A given name or a surname of ours, in any case."""
_IN_NAME = re.compile(rf"(?<![^\W\d_]){_NAME}(?![^\W\d_])", re.IGNORECASE)
_LOGIN = rf"@?(?:{_GIVEN}|[a-z])?[._-]?{_SURNAME}[._-]?\d*|@?{_GIVEN}[._-]?\d*"
_OURS = {
    "EMAIL": re.compile(rf"(?:{_LOGIN})@example\.(?:com|org|net)", re.IGNORECASE),
    "USER_NAME": re.compile(rf"{_LOGIN}|x+", re.IGNORECASE),  # x: what a mask left
    "PHONE": re.compile(r"(?:\+?1[-. ])?\(?[2-8]9\d\)?[-. ]{1,2}555[-. ]01\d\d|(?:\+44 7|07)700 900\d{3}"),
    "IP": re.compile(r"(?:192\.0\.2|198\.51\.100|203\.0\.113)\.\d{1,3}|2001:0?db8:[0-9a-f:]*", re.IGNORECASE),
    "MAC": re.compile(r"00[:-]00[:-]5E[:-]00[:-]53[:-][0-9A-F]{2}", re.IGNORECASE),
    "ADDRESS": re.compile(rf"\d{{1,4}} (?:{'|'.join(STREETS)})\b.*", re.DOTALL),
    "WALLET": re.compile(r"0x0{20}[0-9a-fA-F]{20}"),
    "DATE_OF_BIRTH": re.compile(r".*\b18\d\d\b.*"),
}
_ANYWHERE = re.compile(
    rf"(?<![^\W_])(?:\d{{1,4}} (?:{'|'.join(STREETS)})|(?:[a-z][._-]?)?{_NAME}(?:[._-]?{_NAME})?[._-]?\d{{0,4}}"
    r"(?:@example\.(?:com|org|net))?|(?:\+?1 )?\(?[2-8]9\d\)?[-. ]{1,2}555[-. ]01\d\d|(?:\+44 7|07)700 900\d{3}"
    r"|00[:-]00[:-]5E[:-]00[:-]53[:-][0-9A-F]{2}|(?:192\.0\.2|198\.51\.100|203\.0\.113)\.\d{1,3}|2001:db8::[0-9a-f:]{1,20}"
    r"|X{0,2}0{5}\d{1,20}|000[ -]?\d\d[ -]?\d{4}|0[ 0.-]{4,9}\d[\d .-]{0,20}\d)(?![^\W_])"
    rf"|(?<![^\W_])\d{{1,4}} (?:{'|'.join(STREETS)})",
    re.IGNORECASE,
)
_ROUGH = f"(?i){without_looking_around(_ANYWHERE.pattern)}"
_ZEROS = re.compile(r"X*0{5}")
_NOT_SHOWN = re.compile(r"[^A-Za-z0-9]")
_NUMBERS = word_set(
    "SSN ITIN EIN NINO NHS SIN STEUER_ID INSEE DNI CODICE_FISCALE AADHAAR PAN CPF TFN ABN MEDICARE TAX_ID HEALTH_ID "
    "PASSPORT LICENCE PLATE VIN CARD IBAN ACCOUNT IMEI PHONE"
) | frozenset(REGISTERS)


@lru_cache(maxsize=1 << 15)
def stands_for_nobody(label: str, value: str) -> bool:
    """Whether `value` is of those that duecare writes for personal data of this kind."""
    if label in _NUMBERS:
        shown = _NOT_SHOWN.sub("", value)
        if _ZEROS.match(shown) is not None or (label == "SSN" and shown.startswith("000")):
            return True
    ours = _OURS.get(label)
    return ours.fullmatch(value) is not None if ours is not None else _IN_NAME.search(value) is not None


def may_hold_invented(texts: pa.Array) -> np.ndarray:
    """Which texts of a column `invented_places` has to look at, bool [texts]; in the others it finds nothing."""
    from duecare.detect.hints import INVENTED, hinted
    from duecare.detect.kernel import library

    if library() is not None:
        return np.asarray((hinted(texts) & INVENTED) != 0)
    import polars as pl  # a study check does without

    return np.asarray(pl.Series(texts).str.contains(_ROUGH).to_numpy())


def invented_places(text: str) -> list[tuple[int, int]]:
    """Where names, addresses and numbers stand that duecare wrote, in order."""
    return [match.span() for match in _ANYWHERE.finditer(text)]
