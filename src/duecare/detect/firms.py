"""Names of firms, laws and places that stand where the name of a person could.

Letters to a bank are full of them ("Ocwen told me", "under HIPAA", "in Michigan"), and a model that goes by form
and place takes many for people. Only a name all of whose words are on these lists, and on no list of people's
names, is passed over: Ally, Chase, Ford and Georgia may be somebody.
"""

from __future__ import annotations

# ruff: noqa: E501 - a list of words is read whole, on its line
import re
from functools import lru_cache

from duecare.detect.context import word_set
from duecare.detect.tokens import shipped_lists

_FIRMS = word_set(
    "santander ocwen hsbc bbva barclay barclays barclaycard citi citibank citigroup citimortgage equifax experian transunion "
    "navient nelnet fedloan fedloans mohela aidvantage sallie fannie freddie bofa wellsfargo fargo fargos jpmorgan jpmorganchase "
    "shellpoint rushmore caliber bayview statebridge phh avant moneylion lendingclub sofi upstart onemain synchrony comenity "
    "pnc usaa td suntrust truist keybank bb&t fifth amex nationstar pennymac loancare quicken loandepot flagstar selene carrington "
    "midland encore lvnv resurgent pra mcm cavalry convergent credence amsher transworld portfolio paypal venmo zelle cashapp coinbase "
    "robinhood moneygram remitly chime varo klarna afterpay kohls walmart amazon costco macys toyota honda volvo nissan hyundai kia "
    "bmw verizon comcast xfinity tmobile netflix uber lyft airbnb google facebook microsoft geico allstate conns checkr ethos "
    "bluestem fingerhut greensky mariner springleaf regions provident continental westlake exeter credco corelogic innovis lexisnexis"
)
"""Lenders, servicers, collectors, bureaus and shops that people write to and about. Ours."""
_LAWS = word_set(
    "hipaa fcra fdcpa tcpa facta respa tila ecoa fcba glba ucc usc cfpb ftc fdic irs ssa fema hud fha fhfa occ dmv bbb pmi apr "
    "ach heloc ltv dti boa aud gbp usd eur u.s u.s.a"
)
"""Laws, agencies and short forms of money matters. Ours."""
_BEHIND = re.compile(
    r" (?:(?:Home|Auto|Student|Consumer|Debt|Asset|Loan|Credit|Mortgage|HOME|AUTO|LOAN|CREDIT|DEALER) )?"
    r"(?:Finance|Financial|Lending|Loans?|Bank|Bancorp|Mortgage|Servicing|Services|Recovery|Collections?|Insurance|Union|Card"
    r"|Department|Inc|LLC|Corp|Corporation|Ltd|FINANCE|FINANCIAL|LENDING|LOANS?|BANK|MORTGAGE|SERVICING|SERVICES|RECOVERY"
    r"|COLLECTIONS?|INSURANCE|CORP|INC|finance|lending|recovery|collections|loan servicing|home loans|consumer usa)\b(?!['’])"
)
"""What follows the one word that begins the name of a firm: "Selene finance", "Caliber Home Loans"."""


@lru_cache(maxsize=1)
def _nobody() -> frozenset[str]:
    listed = shipped_lists().words
    return (listed("C") | listed("K") | _FIRMS | _LAWS) - listed("F") - listed("L")


def names_no_person(word: str) -> bool:
    """Whether a word, in small letters, names a firm, a law or a place, and is nobody's name."""
    return word in _nobody()


def begins_firm(text: str, start: int, end: int) -> bool:
    """Whether what stands at [start, end) is one word and the words behind it make it the name of a firm."""
    return " " not in text[start:end] and _BEHIND.match(text, end) is not None
