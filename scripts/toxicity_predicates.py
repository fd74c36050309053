"""What our own training sentences say about groups: predicates that attack, and predicates that do not.

All follow a plural subject. They are words of our own; none is a template of the functional test or of
the Jigsaw sentence templates, which stay tests.
"""

# ruff: noqa: E501 - a list of words is read whole, on its line
from __future__ import annotations


def _listed(words: str) -> list[str]:
    return words.split()


HOSTILE_PREDICATES = (
    "poison everything around them", "drag the rest of us down", "only know how to steal", "spread disease",
    "live off other people's money", "have no morals", "are a stain on our town", "smell like a sewer",
    "are dumber than a sack of hammers", "are destroying our schools", "lie whenever they open their mouths",
    "would sell their own mothers", "take our jobs and our flats", "bring nothing but crime", "are animals in clothes",
    "are too lazy to get up in the morning", "are not fit to live among us", "should be deported tomorrow",
    "should all be locked away", "deserve to be beaten", "deserve what happened to them", "deserve no mercy",
    "do not belong in this country", "ought to be banned from our shops", "should never be allowed to teach",
    "must be stopped before it is too late", "will never be like us", "want to take over our land",
    "are out to destroy our way of life", "are mentally sick", "are perverts", "corrupt our children",
    "are a danger to every child", "cannot control themselves", "are good for nothing but scrubbing floors",
    "are born to serve", "belong in a zoo", "belong behind bars", "belong in a camp", "should be shot", "should hang",
    "need to be exterminated", "had it coming", "are the reason this town is dying", "are all terrorists",
    "think they are special but they are dirt", "have tiny brains", "are worth less than dogs", "are freaks",
    "are unnatural and disgusting", "are evil to the bone", "are ugly inside and out", "are greedy bloodsuckers",
    "pull the strings behind every bank", "whine all day and do nothing", "cheat as soon as you turn your back",
    "make the whole bus stink", "are leeches", "are savages", "are pests", "are worthless", "are a disease",
    "are monkeys", "are rats", "are dogs", "are pigs", "are devils", "are retarded", "are trash", "are weak and useless",
    "should go back to where they came from", "should be kept away from decent people", "should be put down",
    "should be burned alive", "should be thrown into the sea", "should shut up and be grateful",
    "are taking over and nobody stops them", "are breeding far too fast", "are invading us", "are swamping the country",
    "are why we need a wall", "are the enemy", "hate us and want us dead", "are fakes who want attention",
    "are an abomination", "will burn in hell", "disgust me", "make me sick", "ruin every place they touch",
    "are a waste of taxes", "are not real people", "are barely human", "are less than human", "are stupid by birth",
    "are violent by nature", "rape and murder", "sell drugs to kids", "sponge off the state", "never pay their bills",
    "have never built anything", "cannot be taught", "cannot be trusted with money", "cannot be trusted near children",
    "should not be allowed to vote", "should not be allowed to marry", "should not have children",
    "should be grateful that we tolerate them", "should be slaves again", "should be erased from history",
    "know nothing but violence", "are cowards", "are backward", "are primitive", "are filthy", "are thieves", "are liars",
    "are parasites", "are criminals", "are inbred", "are ruining the neighbourhood", "are beneath us",
    "are the worst thing that ever happened to us", "get everything for free while we work", "are cunning and two-faced",
)  # fmt: skip
HARMLESS_PREDICATES = (
    "opened a bakery near the station", "celebrate the new year with their families", "moved here for work",
    "are good neighbours", "pay the same taxes as everybody", "were refused a loan last year", "run the corner shop",
    "have the same rights as anyone", "play football on Sundays", "were the first to help after the storm",
    "came to the meeting about the playground", "are often underpaid", "are still waiting for an answer",
    "told us about their childhood", "have lived here for generations", "raise their children as others do",
    "work in hospitals and schools", "deserve respect", "deserve the same pay", "deserve to feel safe",
    "should be treated like everyone else", "should be heard when the law is changed", "should have a seat on the board",
    "face prejudice when they look for a flat", "are often blamed for things they did not do",
    "were attacked on their way home", "were spat at in the street", "were killed in the war",
    "had to flee from the fighting", "have different opinions about this", "differ from each other like all people",
    "want to live in peace", "want what all parents want", "won three medals", "wrote some of the best books I know",
    "are welcome in our branch", "are part of our history", "are underrepresented in films", "are people",
    "have their own newspaper", "speak several languages", "cook the best soup in town", "organised a street party",
    "make up a fifth of our customers", "use this service every day", "asked for a later closing time",
    "are protected by the law", "were denied the vote for decades", "fought for their rights", "laugh at the same jokes",
    "are proud of who they are", "are happy with the new school", "are angry about the decision", "are tired of excuses",
    "are not a threat to anybody", "are as different as any two people", "are my friends", "are my family",
    "enjoy gardening", "drink their tea without sugar", "travel more than they used to", "vote in large numbers",
    "study medicine", "teach at our university", "sing in the choir", "brought cake to the office",
    "need better access to doctors", "are treated badly at the border", "are mocked far too often", "are insulted online",
    "have to prove themselves twice", "suffered a great deal", "are right to be afraid", "called the police for help",
    "were wrongly accused", "lost their homes in the fire", "are grateful for your help", "live longer than they used to",
    "are moving into the new building", "held a memorial service", "met at the library", "started a company",
    "are looking for a larger flat", "donated blood", "are leaving the city because of the rents", "like the new park",
)  # fmt: skip
NEGATIVE = _listed(
    "stupid disgusting filthy vile dirty worthless nasty lazy greedy ugly dumb pathetic evil rotten wretched repulsive "
    "loathsome sickening useless idiotic moronic brainless foul revolting despicable horrid hideous creepy smelly crazy "
    "sneaky lying thieving cheating violent savage cruel ignorant arrogant obnoxious wicked depraved shameless degenerate "
    "retarded slimy miserable primitive inferior corrupt sick damned fucking bloody goddamn shitty"
)
POSITIVE = _listed(
    "kind clever friendly brave gentle generous honest patient charming lovely bright wise funny talented hard-working "
    "helpful cheerful warm thoughtful skilled famous proud happy calm polite loyal gifted careful decent young tall tired "
    "quiet busy retired new local well-known elegant curious humble modest creative fair sensible reliable quick strong "
    "wonderful great brilliant amazing good fine excellent beloved respected sad worried lonely shy nervous hungry"
)
NOUNS = _listed(
    "idiot moron pig rat liar thief parasite criminal crook savage animal coward fool freak pervert leech loser creep "
    "clown swindler beggar brute snake traitor terrorist scumbag bastard cheat slob"
)
JOBS = _listed(
    "teacher nurse baker driver lawyer engineer cook singer farmer doctor poet plumber judge chemist pilot painter "
    "student clerk carpenter librarian runner editor cashier designer reporter"
)
THINGS = (
    "mosquitoes", "weeds", "pop-up ads", "potholes", "ticks", "spam mails", "plastic bags", "leaf blowers", "wasps",
    "old batteries", "those meetings", "passwords", "queues", "mondays", "brussels sprouts", "bugs in the app",
    "these printers", "cheap umbrellas", "parking meters", "cables", "robocalls", "moths", "late trains", "hidden fees",
)  # fmt: skip
TRADES = (
    "landlords", "politicians", "bankers", "estate agents", "referees", "telemarketers", "lawyers", "car dealers",
    "debt collectors", "managers", "journalists", "insurers", "influencers", "recruiters", "traffic wardens",
)  # fmt: skip


def negated(predicate: str) -> str | None:
    """The predicate denied ("are rats" as "are not rats"), or None where that makes no plain sentence."""
    first, _, rest = predicate.partition(" ")
    if any(
        word in predicate.split() for word in ("no", "not", "never", "nothing", "only", "cannot", "nobody")
    ):
        return None
    if first in ("are", "should", "must", "will"):
        return f"{first} not {rest}"
    return None if first in ("had", "would", "ought") else f"do not {predicate}"
