"""Numbers, dates and other values that fill the training sentences of the names model: all drawn by chance."""

from __future__ import annotations

# ruff: noqa: E501 - one line a form
# fmt: off
import random

MONTHS = ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December", "Jan", "Feb", "Mar", "Apr", "Jun", "Jul", "Aug", "Sep", "Sept", "Oct", "Nov", "Dec"]
WEEKDAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]


class Values:
    """Draws values under a seed; `own` are lists of words by section."""

    def __init__(self, seed: int, own: dict[str, list[str]]) -> None:
        self.chance = random.Random(seed)
        self.own = own

    def pick(self, *options: str) -> str:
        return self.chance.choice(options)

    def one(self, section: str) -> str:
        return self.chance.choice(self.own[section])

    def odds(self, share: float) -> bool:
        return self.chance.random() < share

    def number(self, low: int, high: int) -> int:
        return self.chance.randint(low, high)

    def digits(self, pattern: str) -> str:
        """Each # of `pattern` a digit, each @ a capital letter, each % a digit from 1 to 9."""
        signs = {"#": "0123456789", "@": "ABCDEFGHJKLMNPRSTUVWXYZ", "%": "123456789"}
        return "".join(self.chance.choice(signs[sign]) if sign in signs else sign for sign in pattern)

    def date(self) -> str:
        year, month, day = self.number(1930, 2030), self.number(1, 12), self.number(1, 28)
        name, two = self.chance.choice(MONTHS), f"{year % 100:02d}"
        end = self.pick("th", "st", "nd", "rd")
        return self.pick(
            f"{month}/{day}/{year}", f"{month}/{day}/{year}", f"{month:02d}/{day:02d}/{year}", f"{day:02d}/{month:02d}/{year}", f"{year}-{month:02d}-{day:02d}",
            f"{month}/{day}/{two}", f"{day}.{month}.{year}", f"{day:02d}-{month:02d}-{year}", f"{name} {day}, {year}", f"{name} {day}", f"{day} {name} {year}",
            f"{day} {name}", f"{name} {day}{end}", f"{name} {day}{end}, {year}", f"{name} {year}", f"the {day}{end} of {name}", f"{self.chance.choice(WEEKDAYS)}, {name} {day}",
            f"{month:02d}/{two}", f"{month}/{year}", self.chance.choice(WEEKDAYS), str(year),
        )

    def moment(self) -> str:
        return self.date() + self.pick(" at ", " ", ", ") + self.time()

    def time(self) -> str:
        return self.pick(f"{self.number(1, 12)} {self.pick('am', 'pm', 'p.m.')}", f"{self.number(1, 12)}:{self.number(10, 59)}", f"{self.number(0, 23):02d}:{self.number(10, 59)}:{self.number(10, 59)}", f"{self.number(1, 12)}{self.pick('am', 'pm')}")

    def phone(self) -> str:
        made = self.digits(self.pick(
            "###-###-####", "(###) ###-####", "(###)###-####", "###.###.####", "###.###.####x###", "### ### ####", "##########", "1-###-###-####", "+1 ### ### ####", "+1-###-###-####x####",
            "001-###-###-####", "001-###-###-####x#####", "+## ### ######", "+##-##-###-####", "+## (0) ## #### ####", "+## ## ## ## ##", "0## ### ####", "0#### ######", "07### ######", "0# ## ## ## ##", "## ## ##",
            "## ## ## ##", "## ### ###", "### ## ###", "###-####", "### ### ###", "(##) ####-####", "0###/#######", "0## #### ####", "##-###-####", "(##) #### ####", "### ## ##", "###-###-###", "+###########",
        ))
        return made + self.pick(" ext. ", "x", " x", " ext ") + self.digits("%##") if self.odds(0.06) else made

    def numbered(self) -> str:
        """A card, social security, bank or licence number."""
        return self.digits(self.pick(
            "4###############", "5###############", "5### #### #### ####", "4###-####-####-####", "3#############", "6###########", "###-##-####", "### ## ####", "GB##@@@@##############", "GB## @@@@ #### #### #### ##", "NL## @@@@ #### #### ##", "DE## #### #### #### #### ##", "DE####################", "FR## #### #### #### #### #### ###",
            "@#######", "@##-###-###", "########", "#########", "@@######", "@###-####-####", "###-###-###", "##@@#####", "@##########", "@############",
        ))

    def serial(self) -> str:
        """What stands on boxes and vouchers."""
        return self.digits(self.pick("####-@@-###", "##@###", "@@##-####", "@@@-###-@@", "#####/##", "###.###.##", "20##-#####", "@@@@##", "@@@@@@##", "#@#@#@", "@@-#######", "##-##-##-@", "@@#########@@", "####-####-####-####"))

    def order(self) -> str:
        return self.digits(self.pick("#####", "######", "%#######", "@@-#####", "#%####", "@%##-@@@", "@@@####", "%###-#####", "@-%###"))

    def amount(self) -> str:
        made = self.digits(self.pick("%", "%#", "%##", "%,###", "%#.##", "%##.##"))
        return self.pick(f"${made}", f"${made}", f"{made} dollars", f"€{made}", f"£{made}", f"{made} euros", f"USD {made}", f"{made}")

    def postcode(self) -> str:
        return self.digits(self.pick("#####", "#####", "#####-####", "####", "@@% #@@", "@%# %@@", "@@%# %@@", "#### @@", "@#@ #@#", "### ##", "##-###", "####-###", "######", "@@-####", "@-#####"))
