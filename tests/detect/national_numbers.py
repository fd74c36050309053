"""Candidates for numbers of states, drawn anew from a seed: none has to be written down.

In a template # is a digit, @ a letter, {ymd} and {dmy} a date of the years 1950 to 1999, [..] one of its
signs, and all else stands for itself. The dates are so old that no library's look at today's date counts.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable

from duecare.detect import checks, national, registers

COUNT = 2000
_PART = re.compile(r"\{ymd\}|\{dmy\}|\[[^\]]+\]|.")

Kind = tuple[Callable[[str], bool], str, str]
"""Our check, the module of python-stdnum that knows the number, and the template of candidates."""

KINDS: dict[str, Kind] = {
    "PESEL": (registers.pesel, "pl.pesel", "{ymd}#####"),
    "BSN": (registers.bsn, "nl.bsn", "[123456789]########"),
    "PERSONNUMMER": (registers.personnummer, "se.personnummer", "{ymd}-####"),
    "AHV": (registers.ahv, "ch.ssn", "756##########"),
    "CURP": (registers.curp, "mx.curp", "[BDFG][AEO][BDFG][BDFG]{ymd}[HM][D][FG][BCDF][BCDF][BCDF]##"),
    "RUT": (registers.rut, "cl.rut", "[123456789]#######[0123456789K]"),
    "NIF": (registers.nif, "pt.nif", "#########"),
    "NISS": (registers.niss, "be.ssn", "{ymd}###[0123456789]#"),
    "CPR": (registers.cpr, "dk.cpr", "##[01]#[56789]#[0123]###"),
    "HETU": (registers.hetu, "fi.hetu", "{dmy}-[01234567]##[0123456789ABCDEFHJKLMNPRSTUVWXYGIOQZ]"),
    "FODSELSNUMMER": (registers.fodselsnummer, "no.fodselsnummer", "{dmy}[01234]####"),
    "ISIKUKOOD": (registers.isikukood, "ee.ik", "[01349]{ymd}####"),
    "CNP": (registers.cnp, "ro.cnp", "[012]{ymd}[01234]#####"),
    "EGN": (registers.egn, "bg.egn", "{ymd}####"),
    "RODNE_CISLO": (registers.rodne_cislo, "cz.rc", "[6789]#[0156]#[012]#####"),
    "TCKN": (registers.tckn, "tr.tckimlik", "###########"),
    "RSA_ID": (registers.rsa_id, "za.idnr", "{ymd}####[013]##"),
    "RESIDENT_ID": (registers.resident_id, "cn.ric", "11010519{ymd}###[0123456789X]"),
    "RRN": (registers.rrn, "kr.rrn", "{ymd}[12][012345678]#####"),
    "SVNR": (registers.svnr, "at.vnr", "####{dmy}"),
    "AMKA": (registers.amka, "gr.amka", "{dmy}#####"),
    "CUIL": (registers.cuil, "ar.cuit", "2[0347]#########"),
    "OIB": (registers.oib, "hr.oib", "###########"),
    "NHS": (national.nhs, "gb.nhs", "##########"),
    "SIN": (national.sin, "ca.sin", "[12345679]########"),
    "STEUER_ID": (national.steuer_id, "de.idnr", "[13][13]2[45][45]6789[08]#"),
    "INSEE": (national.insee, "fr.nir", "[12]##[01][12]##########"),
    "CODICE_FISCALE": (national.codice_fiscale, "it.codicefiscale", f"{'[BCDF]' * 6}##A[012]#H501@"),
    "AADHAAR": (national.aadhaar, "in_.aadhaar", "[0123456789]###########"),
    "CPF": (national.cpf, "br.cpf", "###########"),
    "TFN": (national.tfn, "au.tfn", "#########"),
    "ABN": (national.abn, "au.abn", "[23456789]##########"),
    "ACCOUNT": (national.routing, "us.rtn", "0[123456789]#######"),
    "IMEI": (national.imei, "imei", "###############"),
    "CARD": (checks.luhn, "luhn", "################"),
    "IBAN": (checks.iban, "iban", "DE##3704004405320130##"),
}  # fmt: skip


def candidates(kind: str) -> list[str]:
    """COUNT numbers of that form; some of them right."""
    draw = random.Random(f"national numbers {kind}")
    return [_PART.sub(lambda part: _drawn(part.group(), draw), KINDS[kind][2]) for _ in range(COUNT)]


def _drawn(part: str, draw: random.Random) -> str:
    if part in ("{ymd}", "{dmy}"):
        year, month, day = draw.randrange(50, 100), draw.randrange(1, 13), draw.randrange(1, 31)
        return f"{year:02d}{month:02d}{day:02d}" if part == "{ymd}" else f"{day:02d}{month:02d}{year:02d}"
    signs = {"#": "0123456789", "@": "ABCDEFGHIJKLMNOPQRSTUVWXYZ"}.get(part, part.strip("[]"))
    return signs[draw.randrange(len(signs))]
