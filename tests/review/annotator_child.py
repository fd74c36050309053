"""A process in which several people annotate until it is killed; writes down what was acknowledged."""

from __future__ import annotations

import json
import os
import random
import sys
import threading

from duecare.review import desk
from duecare.review.desk import Shown
from duecare.review.errors import BusyError, GoneError
from duecare.review.person import Person, Role
from duecare.review.store import Store


def annotate(store: Store, round: str, name: str, log: int) -> None:
    person = Person(id=name, name="", login="", roles=frozenset({Role.ANNOTATOR}))
    chance = random.Random(name)
    while isinstance(shown := desk.next_item(store, person, round), Shown):
        value = chance.randint(1, 3)
        try:
            decision = desk.submit(store, person, shown.assignment, {"harm": value})
        except (GoneError, BusyError):
            continue
        os.write(log, (json.dumps([decision, value]) + "\n").encode())


def main() -> None:
    place, opened, log, *people = sys.argv[1:]
    with Store.open(place) as store:
        file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        threads = [threading.Thread(target=annotate, args=(store, opened, name, file)) for name in people]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()


if __name__ == "__main__":
    main()
