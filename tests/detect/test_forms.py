"""Every kind of personal data with a form of its own: what is one, what nearly is, what only sounds alike.

The numbers are those that authorities and standards print as examples, or made here to fit a check digit;
none belongs to a person.
"""

from __future__ import annotations

import pytest

from duecare.detect.patterns import LABELS, find_forms
from duecare.detect.spans import longest

TRUE = [
    ("EMAIL", "write to jo.smith+x@mail.acme.test please", "jo.smith+x@mail.acme.test"),
    ("EMAIL", "Mail <ana@acme.co.uk>, thanks.", "ana@acme.co.uk"),
    ("EMAIL", "my mail: jo dot smith at acme dot com", "jo dot smith at acme dot com"),
    ("EMAIL", "it is jo.smith(at)web.de", "jo.smith(at)web.de"),
    ("EMAIL", "so JO AT ACME DOT COM, then", "JO AT ACME DOT COM"),
    ("EMAIL", "or jo{at}acme{dot}org here", "jo{at}acme{dot}org"),
    ("EMAIL", "or jo at gmail.com here", "jo at gmail.com"),
    ("EMAIL", "or jo-at-acme-dot-com here", "jo-at-acme-dot-com"),
    ("EMAIL", "or jo@acme dot com here", "jo@acme dot com"),
    ("EMAIL", "or j o a n @ gmail.com here", "j o a n @ gmail.com"),
    ("EMAIL", "at jo@gmail,com here", "jo@gmail,com"),
    ("EMAIL", "at jo＠acme.test here", "jo＠acme.test"),
    ("EMAIL", "https://acme.test/off?mail=jo.smith%40acme.test", "jo.smith%40acme.test"),
    ("EMAIL", "ask jo@acme.test.I told you", "jo@acme.test"),
    ("PHONE", "call 555\u2011867\u20115309 now", "555\u2011867\u20115309"),
    ("PHONE", "call ٥٥٥-٨٦٧-٥٣٠٩ now", "٥٥٥-٨٦٧-٥٣٠٩"),
    ("SSN", "mine is 219\u201309\u20139998", "219\u201309\u20139998"),
    ("SSN", "social security 219.09.9998", "219.09.9998"),
    ("CARD", "paid 4111.1111.1111.1111", "4111.1111.1111.1111"),
    ("CARD", "paid 4111\xa01111\xa01111\xa01111", "4111\xa01111\xa01111\xa01111"),
    ("IBAN", "to de89 3704 0044 0532 0130 00 please", "de89 3704 0044 0532 0130 00"),
    ("IBAN", "to DE89-3704-0044-0532-0130-00 please", "DE89-3704-0044-0532-0130-00"),
    ("IP", "from 81.2.69.142:8080 it came", "81.2.69.142"),
    ("IP", "net 81.2.69.142/24", "81.2.69.142"),
    ("IP", "81.2.69.142 200 1532 GET /index", "81.2.69.142"),
    ("IP", "ping 9.8.7.6 twice", "9.8.7.6"),
    ("MAC", "device 3c22.fb1a.0e9d is", "3c22.fb1a.0e9d"),
    ("WALLET", "ltc LM2WMpR1Rp6j3Sa59cMXMs1SPzj9eXpGc1", "LM2WMpR1Rp6j3Sa59cMXMs1SPzj9eXpGc1"),
    ("WALLET", "doge DH5yaieqoZN36fDVciNyRueRGvGLR3mr7L", "DH5yaieqoZN36fDVciNyRueRGvGLR3mr7L"),
    ("WALLET", "xrp rDsbeomae4FXwgQTJp9Rs64Qg9vDiTCdBv", "rDsbeomae4FXwgQTJp9Rs64Qg9vDiTCdBv"),
    (
        "WALLET",
        "xmr 44AFFq5kSiGBoZ4NMDwYtN18obc8AemS33DBLWs3H7otXft3XjrpDtQGv7SqSsaBYBb98uNbr2VBBEt7f2wfn3RVGQBEP3A",
        "44AFFq5kSiGBoZ4NMDwYtN18obc8AemS33DBLWs3H7otXft3XjrpDtQGv7SqSsaBYBb98uNbr2VBBEt7f2wfn3RVGQBEP3A",
    ),
    ("URL_TOKEN", "db is postgres://me:pass@db.test:5432/x", "postgres://me:pass@db.test:5432/x"),
    ("URL_TOKEN", "at www.acme.test/in?session_id=12345678", "www.acme.test/in?session_id=12345678"),
    (
        "URL_TOKEN",
        "go https://a.test/verify/9f86d081884c7d659a2f",
        "https://a.test/verify/9f86d081884c7d659a2f",
    ),
    ("SECRET", "aws_secret_access_key = wJ4lrXUtnFEMIK7MDENG", "wJ4lrXUtnFEMIK7MDENG"),
    ("SECRET", "DB_PASSWORD=sup3rs3cret", "sup3rs3cret"),
    ("SECRET", 'passphrase "open sesame 42"', "open sesame 42"),
    ("SECRET", "pwd='letmein'", "letmein"),
    ("SECRET", "use glpat-ABCDEFGHIJKLMNOPQRST", "glpat-ABCDEFGHIJKLMNOPQRST"),
    ("USER_NAME", "follow @night.owl on instagram", "@night.owl"),
    ("USER_NAME", "see https://www.linkedin.com/in/night-owl-12/", "night-owl-12"),
    ("USER_NAME", "see twitter.com/night_owl.", "night_owl"),
    ("USER_NAME", "ask u/night_owl there", "night_owl"),
    ("DATE_OF_BIRTH", "DOB 03121985", "03121985"),
    ("DATE_OF_BIRTH", "12/03/1985 (date of birth)", "12/03/1985"),
    ("DATE_OF_BIRTH", "geboren am 12. März 1985", "12. März 1985"),
    ("DATE_OF_BIRTH", "née le 12/03/1985", "12/03/1985"),
    ("PHONE", "call 555-867-5309 2 times", "555-867-5309"),
    ("PHONE", "tel. 020 7183 8750 or", "020 7183 8750"),
    ("PHONE", "ring +33 1 70 18 99 00 now", "+33 1 70 18 99 00"),
    ("PHONE", "mobile: 0170/9412350", "0170/9412350"),
    ("PHONE", "833.719.3994x1887-fax", "833.719.3994x1887"),
    ("PHONE", "they are not answering at 785 8949", "785 8949"),
    ("PHONE", "078 6657 2626 office", "078 6657 2626"),
    ("PHONE", "50-98-28-96-Office", "50-98-28-96"),
    ("SSN", "SSN: 219-09-9998", "219-09-9998"),
    ("ITIN", "my itin is 912-70-1234", "912-70-1234"),
    ("EIN", "our EIN 12-3456789 is on file", "12-3456789"),
    ("NINO", "NI number AB 12 34 56 C", "AB 12 34 56 C"),
    ("NINO", "mine is AB123456C, thanks", "AB123456C"),
    ("NHS", "NHS number 943 476 5919", "943 476 5919"),
    ("SIN", "my SIN is 046 454 286", "046 454 286"),
    ("STEUER_ID", "Steuer-ID: 86 095 742 719", "86 095 742 719"),
    ("INSEE", "numero 2 55 08 14 168 025 38", "2 55 08 14 168 025 38"),
    ("DNI", "DNI 12345678Z", "12345678Z"),
    ("DNI", "con 12.345.678-Z y", "12.345.678-Z"),
    ("DNI", "NIE X1234567L", "X1234567L"),
    ("CODICE_FISCALE", "codice RSSMRA85T10A562S", "RSSMRA85T10A562S"),
    ("AADHAAR", "Aadhaar 2345 6789 0124", "2345 6789 0124"),
    ("PAN", "PAN card ABCPE1234F", "ABCPE1234F"),
    ("CPF", "o CPF 529.982.247-25", "529.982.247-25"),
    ("TFN", "my tax file number (TFN) is 123 456 782", "123 456 782"),
    ("ABN", "ABN 51 824 753 556", "51 824 753 556"),
    ("MEDICARE", "Medicare 2123 45670 1", "2123 45670 1"),
    ("TAX_ID", "tax number 4711081590", "4711081590"),
    ("HEALTH_ID", "MRN: 00284719", "00284719"),
    ("PASSPORT", "passport number X1234567", "X1234567"),
    ("LICENCE", "driver's license D1234567", "D1234567"),
    ("LICENCE", "driving licence no. MORGA753116SM9IJ", "MORGA753116SM9IJ"),
    ("PLATE", "licence plate AB12 CDE outside", "AB12 CDE"),
    ("VIN", "the car, 1M8GDM9AXKP042788, broke", "1M8GDM9AXKP042788"),
    ("CARD", "paid 4111 1111 1111 1111", "4111 1111 1111 1111"),
    ("CARD", "amex 3782 822463 10005", "3782 822463 10005"),
    ("IBAN", "to DE89 3704 0044 0532 0130 00 PLEASE", "DE89 3704 0044 0532 0130 00"),
    ("ACCOUNT", "account no. 5081134670", "5081134670"),
    ("ACCOUNT", "routing number 021000021", "021000021"),
    ("ACCOUNT", "sort code 20-00-00 it is", "20-00-00"),
    ("IP", "from 81.2.69.142.", "81.2.69.142"),
    ("IP", "from 2a02:1234:5678::1 today", "2a02:1234:5678::1"),
    ("MAC", "device 3c:22:fb:1a:0e:9d is", "3c:22:fb:1a:0e:9d"),
    ("MAC", "device 3C-22-FB-1A-0E-9D is", "3C-22-FB-1A-0E-9D"),
    ("IMEI", "IMEI 490154203237518", "490154203237518"),
    ("WALLET", "pay 1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa", "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa"),
    (
        "WALLET",
        "or bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4 then",
        "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4",
    ),
    (
        "WALLET",
        "eth 0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
        "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
    ),
    ("URL_TOKEN", "see https://a.test/reset?token=abcd1234efgh.", "https://a.test/reset?token=abcd1234efgh"),
    ("URL_TOKEN", "clone https://me:pass@git.test/x", "https://me:pass@git.test/x"),
    ("SECRET", "use ghp_" + "a1B2" * 9, "ghp_" + "a1B2" * 9),
    ("SECRET", "key AKIA" + "IOSFODNN7EXAMPLE", "AKIA" + "IOSFODNN7EXAMPLE"),
    ("SECRET", "api_key = 9f86d081884c7d659a2feaa0c55ad015", "9f86d081884c7d659a2feaa0c55ad015"),
    ("SECRET", "my password is Tr0ub4dor&3!", "Tr0ub4dor&3"),
    ("SECRET", "the one-time code is 482913", "482913"),
    ("USER_NAME", "my username is night.owl", "night.owl"),
    ("USER_NAME", "find me on instagram: @night_owl", "@night_owl"),
    ("DATE_OF_BIRTH", "born on 3 May 1981", "3 May 1981"),
    ("DATE_OF_BIRTH", "DOB 02/28/1990", "02/28/1990"),
    ("ADDRESS", "at 12 Elm Street, Springfield, IL 62704 now", "12 Elm Street, Springfield, IL 62704"),
    ("ADDRESS", "PO Box 1234", "PO Box 1234"),
    ("ADDRESS", "in der Lindenstraße 12, 10969 Berlin", "Lindenstraße 12, 10969 Berlin"),
    ("PESEL", "mój PESEL to 44051401359", "44051401359"),
    ("BSN", "BSN 111222333 please", "111222333"),
    ("PERSONNUMMER", "personnummer 811218-9876 is mine", "811218-9876"),
    ("AHV", "Nummer 756.9217.0769.85 habe ich", "756.9217.0769.85"),
    ("CURP", "la CURP BOXW310820HNERXN09 es", "BOXW310820HNERXN09"),
    ("RUT", "mi RUT es 12.345.678-5", "12.345.678-5"),
    ("NIF", "NIF: 123456789 is it", "123456789"),
    ("NISS", "nummer 85.07.30-033.28 is van mij", "85.07.30-033.28"),
    ("CPR", "CPR-nr. 211062-5629 here", "211062-5629"),
    ("HETU", "tunnus 131052-308T on", "131052-308T"),
    ("FODSELSNUMMER", "fødselsnummer 15108695088 er", "15108695088"),
    ("ISIKUKOOD", "isikukood 37605030299 on", "37605030299"),
    ("CNP", "CNP 1630615123457 este", "1630615123457"),
    ("EGN", "ЕГН 7523169263 е", "7523169263"),
    ("RODNE_CISLO", "rodné číslo 710319/2745 je", "710319/2745"),
    ("TCKN", "TC kimlik no 17291716060 dir", "17291716060"),
    ("RSA_ID", "my South African ID 7503305044089 is", "7503305044089"),
    ("RESIDENT_ID", "the card 11010519491231002X is mine", "11010519491231002X"),
    ("RRN", "Korean RRN 971013-9019902 it is", "971013-9019902"),
    ("NRIC", "mine is S1234567D now", "S1234567D"),
    ("SVNR", "SVNR 1237 010180 ist", "1237 010180"),
    ("AMKA", "AMKA 01013099997 is", "01013099997"),
    ("CUIL", "mi CUIL 20-05536168-2 es", "20-05536168-2"),
    ("SNILS", "there 112-233-445 95 it is", "112-233-445 95"),
    ("OIB", "OIB 33392005961 je", "33392005961"),
    ("RUT", "RUT 10.000.013-k si", "10.000.013-k"),
    ("HETU", "hän, 131052A308T, on", "131052A308T"),
    ("PERSONNUMMER", "my Swedish number is 19811218-9876", "19811218-9876"),
    ("PESEL", "my Polish identity number 44051401359", "44051401359"),
    ("AHV", "Numéro AVS 7569217076985", "7569217076985"),
    ("NISS", "INSZ 85073003328", "85073003328"),
    ("RESIDENT_ID", "身份证 110105194912310038 是", "110105194912310038"),
]

NEARLY = [
    ("EMAIL", "the price @ 3.50 or a@b"),
    ("EMAIL", "npm install @angular/core@12.0.1 and x@y.z"),
    ("EMAIL", "look at the dot it drew, at this dot plot, (at) home. now"),
    ("EMAIL", "She works at yahoo.com, look at outlook.com: we met at web.de. Sign up at gmail.com"),
    ("EMAIL", "I work at acme dot com, and at acme dot org, look-at-me-dot-com"),
    (
        "URL_TOKEN",
        "https://a.test/services/24-hour-plumber-in-leeds a.test/share/2024-09-12_annual_report.html",
    ),
    ("SECRET", '"password": "must be at least 8 characters", password = "Use 8-20 letters"'),
    ("IP", "clause 4.3.2.1 and 81.2.69.142.7"),
    ("IBAN", "de89 3704 0044 0532 0130 01"),
    ("MAC", "1234.5678.9012 and 3c22.fb1a.0e9d.11"),
    ("WALLET", "ltc LM2WMpR1Rp6j3Sa59cMXMs1SPzj9eXpGc2 and rDsbeomae4FXwgQTJp9Rs64Qg9vDiTCdBw"),
    (
        "WALLET",
        "44AFFq5kSiGBoZ4NMDwYtN18obc8AemS33DBLWs3H7otXft3XjrpDtQGv7SqSsaBYBb98uNbr2VBBEt7f2wfn3RVGQBEP3B",
    ),
    (
        "URL_TOKEN",
        "https://a.test/reset/password-help-for-everybody and https://a.test/blob/9f86d081884c7d659a2f",
    ),
    ("SECRET", "the password 'page' and token: internationalizations"),
    ("USER_NAME", "my login is broken, @media rules, github.com/a/b, twitter.com/home, km/u/v"),
    ("DATE_OF_BIRTH", "DOB 99999999 and geboren am 45.13.1985"),
    ("PHONE", "order 555-867-5309"),
    ("PHONE", "on 2024-05-01 and 12/31/2024"),
    ("PHONE", "50-98-28-96-Model and 2026-05-04-office"),
    ("SSN", "000-12-3456 and 666-45-6789"),
    ("ITIN", "912-40-1234"),
    ("EIN", "EIN 07-3456789"),
    ("NINO", "number BG123456C or AB123456E"),
    ("NHS", "NHS 943 476 5918"),
    ("SIN", "my SIN is 046 454 287"),
    ("STEUER_ID", "Steuer-ID: 86 095 742 718"),
    ("INSEE", "2 55 08 14 168 025 39"),
    ("DNI", "DNI 12345678A"),
    ("CODICE_FISCALE", "codice RSSMRA85T10A562T"),
    ("AADHAAR", "Aadhaar 2345 6789 0123"),
    ("PAN", "PAN card ABCXE1234F"),
    ("CPF", "o CPF 529.982.247-26"),
    ("TFN", "my TFN is 123 456 783"),
    ("ABN", "ABN 51 824 753 557"),
    ("MEDICARE", "Medicare 2123 45671 1"),
    ("VIN", "the car, 1M8GDM9A1KP042788, broke"),
    ("CARD", "4111 1111 1111 1112 and 9999 9999 9999 9995"),
    ("CARD", "1234 5678 9012 3452"),
    ("IBAN", "DE89 3704 0044 0532 0130 01"),
    ("IBAN", "DE89 3704 0044 0532 013"),
    ("IP", "version 1.2.3.4, 300.1.1.1, 192.168.0.1, 192.0.2.7"),
    ("MAC", "ff:ff:ff:ff:ff:ff and 00-00-5E-00-53-01"),
    ("IMEI", "IMEI 490154203237519"),
    ("WALLET", "pay 1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNb"),
    ("WALLET", "eth 0x5AAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"),
    ("URL_TOKEN", "see https://a.test/page?id=7"),
    ("SECRET", "the secret ingredient is internationalization"),
    ("SECRET", "my password is wrong, please reset it"),
    ("SECRET", "token: aaaaaaaaaaaaaaaa1"),
    ("USER_NAME", "my username is not working"),
    ("DATE_OF_BIRTH", "born on 31/31/1990"),
    ("DATE_OF_BIRTH", "delivered on 3 May 1981"),
    ("ADDRESS", "12 people in the street"),
    ("PASSPORT", "my passport is from 2019"),
    ("PLATE", "a plate of 12 olives"),
    ("PESEL", "mój PESEL to 44051401350"),
    ("BSN", "BSN 111222334 please"),
    ("PERSONNUMMER", "personnummer 811218-9877 is mine"),
    ("AHV", "Nummer 756.9217.0769.86 habe ich"),
    ("CURP", "la CURP BOXW310820HNERXN00 es"),
    ("RUT", "mi RUT es 12.345.678-6"),
    ("NIF", "NIF: 123456780 is it"),
    ("NISS", "nummer 85.07.30-033.29 is van mij"),
    ("CPR", "CPR-nr. 311362-5629 here"),
    ("HETU", "tunnus 131052-308A on"),
    ("FODSELSNUMMER", "fødselsnummer 15108695089 er"),
    ("ISIKUKOOD", "isikukood 37605030290 on"),
    ("CNP", "CNP 1630615123458 este"),
    ("EGN", "ЕГН 7523169264 е"),
    ("RODNE_CISLO", "rodné číslo 710319/2746 je"),
    ("TCKN", "TC kimlik no 17291716061 dir"),
    ("RSA_ID", "my South African ID 7503305044080 is"),
    ("RESIDENT_ID", "the card 11010519491231002A is mine"),
    ("RRN", "Korean RRN 971013-9019903 it is"),
    ("NRIC", "mine is S1234567A now"),
    ("SVNR", "SVNR 1237 010181 ist"),
    ("AMKA", "AMKA 01013099998 is"),
    ("CUIL", "mi CUIL 20-05536168-3 es"),
    ("SNILS", "there 112-233-445 96 it is"),
    ("OIB", "OIB 33392005962 je"),
]
UNNAMED = [
    ("PESEL", "44051401359"), ("BSN", "111222333"), ("PERSONNUMMER", "811218-9876"), ("RUT", "12.345.678-5"),
    ("RUT", "10.000.013-K"), ("NIF", "123456789"), ("CPR", "211062-5629"), ("FODSELSNUMMER", "15108695088"),
    ("ISIKUKOOD", "37605030299"), ("CNP", "1630615123457"), ("EGN", "7523169263"),
    ("RODNE_CISLO", "710319/2745"),
    ("TCKN", "17291716060"), ("RSA_ID", "7503305044089"), ("RRN", "971013-9019902"), ("SVNR", "1237 010180"),
    ("AMKA", "01013099997"), ("CUIL", "20-05536168-2"), ("OIB", "33392005961"), ("NISS", "85073003328"),
    ("AHV", "7569217076985"),
]  # fmt: skip
"""Right by their check, which one number in ten or a hundred passes: nothing unless a word names them."""

TRAPS = [
    "the business 046 454 286 is closed",  # "sin" in business
    "a spinning 482913 wheel",  # "pin" in spinning
    "the public policy, 1234567 read it",  # "lic" in public
    "enhs 9434765919",
    "a passportless 1234567 traveller",
    "taxidermy 123 456 782",
    "cardinal order 4111111111111112",
    "a stubborn 3 May 1981 note",
    "clocked 0130 00 and 20-00-00 there",
    "sk-ating 1234 and eyJust 12",
    "dobbin 02/28/1990",
    "the brandy 021000021",
    "accountability 5081134670",
]


def found(text: str) -> list[tuple[str, str]]:
    return [(span.label, text[span.start : span.end]) for span in longest(find_forms(text))]


@pytest.mark.parametrize(("label", "text", "place"), TRUE, ids=[f"{t[0]}-{n}" for n, t in enumerate(TRUE)])
def test_finds_what_is_one_and_its_whole_place(label: str, text: str, place: str) -> None:
    assert found(text) == [(label, place)]


@pytest.mark.parametrize(("label", "text"), NEARLY, ids=[f"{t[0]}-{n}" for n, t in enumerate(NEARLY)])
def test_passes_over_what_nearly_is_one(label: str, text: str) -> None:
    assert label not in {kind for kind, _ in found(text)}


@pytest.mark.parametrize("text", TRAPS)
def test_a_word_inside_a_word_names_nothing(text: str) -> None:
    assert found(text) == []


@pytest.mark.parametrize(("label", "number"), UNNAMED)
@pytest.mark.parametrize(
    "before", ["", "order ", "paid the rutted road ", "absnormal ", "a convict's ", "total "]
)
def test_a_weak_check_alone_names_nobody(label: str, number: str, before: str) -> None:
    """No part of a word, and no word of trade, stands for the word that names the kind."""
    assert label not in {kind for kind, _ in found(f"so {before}{number}.")}


def test_an_order_is_no_identity_card() -> None:
    assert found("order S1234567D and item 131052-308T") == []
    assert found("so S1234567D and 131052-308T") == [("NRIC", "S1234567D"), ("HETU", "131052-308T")]


def test_every_label_has_a_true_and_all_checked_ones_a_near_example() -> None:
    assert {label for label, _, _ in TRUE} == set(LABELS)
    by_name_alone = {"TAX_ID", "HEALTH_ID", "LICENCE", "ACCOUNT"}
    assert set(LABELS) - {label for label, _ in NEARLY} <= by_name_alone
