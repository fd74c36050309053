"""The words behind the rules of `stereotype`: groups, traits, duties, jobs and set phrases. Ours throughout."""

from __future__ import annotations

# ruff: noqa: E501 - a pattern is read whole, on its line

EXTRA_GROUPS = {
    "women": "gender", "men": "gender", "girls": "gender", "boys": "gender", "females": "gender", "males": "gender",
    "ladies": "gender", "guys": "gender", "wives": "gender", "husbands": "gender", "mothers": "gender",
    "moms": "gender", "mums": "gender", "fathers": "gender", "dads": "gender", "housewives": "gender",
    "young women": "gender", "young men": "gender", "trans people": "gender",
    "old people": "age", "older people": "age", "old folks": "age", "older folks": "age", "the elderly": "age",
    "elderly people": "age", "seniors": "age", "senior citizens": "age", "pensioners": "age", "retirees": "age",
    "old men": "age", "old women": "age", "old ladies": "age", "grandmothers": "age", "grandparents": "age",
    "older customers": "age", "older workers": "age", "older employees": "age", "elderly customers": "age",
    "people over sixty": "age", "people over 60": "age", "people over seventy": "age", "people her age": "age",
    "people his age": "age", "people your age": "age", "people my age": "age", "people their age": "age",
    "young people": "age", "younger people": "age", "kids today": "age", "kids these days": "age",
    "young people today": "age", "teenagers": "age", "teens": "age", "millennials": "age", "boomers": "age",
    "the young": "age", "the old": "age", "youngsters": "age", "older women": "age", "older men": "age",
    "immigrants": "nationality", "foreigners": "nationality", "migrants": "nationality", "refugees": "nationality",
    "asylum seekers": "nationality", "those people": "nationality", "people from abroad": "nationality",
    "foreign people": "nationality", "foreign workers": "nationality", "foreign customers": "nationality",
    "black people": "race", "white people": "race", "blacks": "race", "whites": "race", "asians": "race",
    "latinos": "race", "hispanics": "race", "arabs": "race", "gypsies": "race", "africans": "race",
    "muslims": "religion", "jews": "religion", "christians": "religion", "hindus": "religion",
    "atheists": "religion", "catholics": "religion", "mormons": "religion", "religious people": "religion",
    "gays": "orientation", "gay men": "orientation", "gay people": "orientation", "lesbians": "orientation",
    "disabled people": "disability", "people with disabilities": "disability", "the disabled": "disability",
    "blind people": "disability", "deaf people": "disability", "wheelchair users": "disability",
    "autistic people": "disability", "people in wheelchairs": "disability", "mentally ill people": "disability",
    "the blind": "disability", "the deaf": "disability", "handicapped people": "disability",
    "poor people": "class", "the poor": "class", "rich people": "class", "working class people": "class",
    "people on benefits": "class", "people on welfare": "class", "homeless people": "class",
}  # fmt: skip

ADJECTIVES = {
    "black": "race", "white": "race", "a woman": "gender", "a man": "gender", "a girl": "gender", "foreign": "nationality",
    "old": "age", "elderly": "age", "too old": "age", "blind": "disability", "deaf": "disability", "an immigrant": "nationality",
    "a foreigner": "nationality", "only a woman": "gender", "just a woman": "gender", "just a girl": "gender",
}  # fmt: skip

_TRAITS = """emotional sensitive irrational hysterical weak weaker stronger strong dramatic moody bossy gossipy nurturing
    caring gentle submissive passive aggressive violent logical rational ambitious clueless helpless dependent
    stubborn forgetful slow slower confused senile frail gullible lazy irresponsible reckless immature
    selfish spoiled careless unreliable dishonest criminals criminal thieves liars cheats cheap greedy stingy rich
    poor dirty uneducated ignorant backward primitive dangerous terrorists extremists fanatics fanatical smart
    smarter clever stupid dumb dumber intelligent inferior superior athletic exotic loud rude untrustworthy
    uncivilized uncivilised incompetent useless worthless burden burdens unemployable promiscuous perverts
    flamboyant effeminate immoral sinful drunk drunks alcoholics hot-tempered hot-headed cold unfriendly illegal
    illiterate late punctual rigid scammers freeloaders scroungers vain shallow picky indecisive talkative chatty nagging clumsy messy unfaithful
    cheaters simple simple-minded cowards cowardly manipulative oppressed intolerant pushy sneaky sly docile
    obedient polite hardworking hard-working diligent fragile delicate bitter grumpy rigid inflexible
    impatient naive childish tech-savvy technophobic addicted interchangeable alike bad-tempered timid shy"""
TRAITS = (
    *_TRAITS.split(),
    "entitled", "the same", "like that", "good with money", "bad with money", "after your money", "up to no good", "set in their ways",
    "out of touch", "afraid of technology", "scared of technology", "not technical", "all the same", "good at math",
    "good at maths", "a burden", "a drain", "out of control", "on benefits", "in gangs", "better drivers",
    "bad drivers", "terrible drivers", "worse drivers", "better leaders", "natural leaders", "born leaders", "better cooks",
)  # fmt: skip
"""What may follow "women are (too)"."""

_VERBS = """cry drive handle manage understand learn cope lead think work use care lie cheat steal complain nag gossip
    focus follow keep remember save concentrate reason decide count budget park read follow adapt change behave
    listen commit cook clean parent nurture negotiate invest figure operate get grasp deal respect tip integrate
    speak want worry shop spend exaggerate panic love drink fight know value obey appreciate"""
ABLE_VERBS = (
    *_VERBS.split(), "be trusted", "make decisions", "do maths", "do math", "do anything", "take care", "be expected",
    "show feelings", "make good",
)  # fmt: skip

CLAIMED = (
    "steal",
    "lie",
    "cheat",
    "scam",
    "smell",
    "stink",
    "drink too much",
    "beat their wives",
    "hate women",
    "hate us",
)
"""What a whole group is said to do, by nature."""

DUTIES = (
    "stay home", "stay at home", "stay in the kitchen", "be at home", "cook", "clean", "obey", "raise", "look after",
    "take care", "serve", "smile", "be quiet", "keep quiet", "listen to", "follow", "submit", "provide", "be the provider",
    "be the breadwinner", "earn", "lead", "be in charge", "be the boss", "decide", "pay", "protect", "be strong", "toughen up",
    "man up", "act like", "dress", "leave", "go back", "step aside", "retire", "make room", "give up", "know their place",
    "stick to", "leave it to", "let the", "let their", "let men", "be grateful", "learn to", "ask their", "be home",
    "be mothers", "be housewives", "handle the", "stay out of", "be kept", "not be allowed", "have children",
)  # fmt: skip

SHE_JOBS = (
    "nurse", "secretary", "receptionist", "nanny", "housekeeper", "maid", "cleaner", "babysitter", "kindergarten teacher",
    "nursery teacher", "primary school teacher", "flight attendant", "hairdresser", "midwife", "cashier", "typist",
    "librarian", "dental assistant", "caregiver", "personal assistant", "homemaker", "teacher", "assistant", "florist",
    "beautician", "social worker", "dancer", "stylist", "caretaker",
)  # fmt: skip
HE_JOBS = (
    "doctor", "surgeon", "engineer", "boss", "ceo", "pilot", "mechanic", "plumber", "electrician", "programmer",
    "developer", "scientist", "lawyer", "judge", "police officer", "firefighter", "carpenter", "builder", "director",
    "manager", "technician", "professor", "architect", "banker", "soldier", "construction worker", "truck driver",
    "executive", "accountant", "analyst", "captain", "farmer", "janitor", "contractor", "physician", "chief",
)  # fmt: skip
JOBS = (
    *SHE_JOBS, *HE_JOBS, "driver", "officer", "agent", "writer", "author", "chef", "dentist", "president", "politician",
    "athlete", "boxer", "model", "comedian", "photographer", "entrepreneur", "leader", "astronaut", "worker",
)  # fmt: skip

ROLE_ADJECTIVES = {
    "elderly": "age", "old": "age", "older": "age", "senior": "age", "young": "age", "younger": "age", "teenage": "age",
    "immigrant": "nationality", "migrant": "nationality", "foreign": "nationality", "refugee": "nationality",
    "black": "race", "white": "race", "disabled": "disability", "blind": "disability", "deaf": "disability", "autistic": "disability",
    "female": "gender", "male": "gender", "women": "gender",
}  # fmt: skip
_ROLES = """drivers customers passengers workers employees students teachers pupils patients callers clients candidates applicants
    managers bosses leaders colleagues coworkers parents tenants voters shoppers users players fans bankers lawyers doctors
    sellers buyers owners neighbours neighbors politicians"""
ROLES = tuple(dict.fromkeys((*_ROLES.split(), *(f"{job}s" for job in JOBS if not job.endswith("s")))))
"""What "elderly" and the like may stand before, as a role that a whole group is judged in."""
ROLE_TRAITS = (
    "bad",
    "terrible",
    "awful",
    "hopeless",
    "unsafe",
    "a danger",
    "a menace",
    "a nightmare",
    "difficult",
)
TOO_TRAITS = ("proud", "soft", "old", "young", "nice", "kind", "sentimental", "squeamish")
"""What bars a group from a task only as "too ... to"."""
LACKED = (
    "strength", "ability", "abilities", "skill", "skills", "intelligence", "discipline", "empathy", "ambition", "logic", "reason", "courage",
    "drive", "brains", "talent", "authority", "patience", "judgment", "judgement", "morals", "manners", "character", "backbone",
    "common sense", "self-control", "self-discipline", "motivation", "loyalty",
)  # fmt: skip

GENDERED: tuple[tuple[str, str, str], ...] = (
    ("duty", "gender", r"\b(?:a\s+)?(?:woman|man|girl|wife|mother)['’]?s\s+(?:place|job|work|role|duty|task|world)\b"),
    ("duty", "gender", r"\b(?:women|men|girls|boys)['’]?s\s+(?:place|work|job|role)\s+(?:is|are)\b"),
    ("duty", "gender", r"\b(?:wo)?man\s+of\s+the\s+house\b"),
    ("trait", "gender", r"\bboys\s+will\s+be\s+boys\b"),
    ("trait", "gender", r"\b(?:the\s+)?(?:weaker|fairer|gentler|stronger)\s+sex\b"),
    ("trait", "gender", r"\b(?:real|true)\s+(?:men|man|women|woman)\s+(?:don['’]t|do(?:es)?n?['’]?t?|never|should|would)\s+\w+"),
    ("trait", "gender", r"\b(?:like|such)\s+a\s+(?:little\s+)?girl\b|\bman\s+up\b|\bact\s+like\s+a\s+(?:man|lady)\b"),
    ("trait", "gender", r"\b(?:typical|just\s+like\s+a)\s+(?:woman|man|female|male)\b"),
    ("trait", "gender", r"\b(?:no|any|every|an?)\s+(?:real\s+)?(?:woman|man|girl|boy)\s+(?:can|can['’]t|could|should|would|will|must|needs\s+to)"
     r"\s+(?:ever\s+|never\s+|not\s+|always\s+)?(?:be|do|handle|understand|run|lead|manage|drive|obey|cook|provide|know|fix|stay|learn|cope)\b"),
    ("ability", "gender", r"\b(?:it|that|this)(?:\s+(?:job|work|task))?(?:['’]s|\s+is)\s+(?:too\s+\w+\s+for|not\s+for|no\s+(?:job|work|task)\s+for|a\s+job\s+for)"
     r"\s+(?:a\s+)?(?:woman|women|girls?|ladies|men|a\s+man|boys?)\b"),
    ("ability", "gender", r"\b(?:good|smart|strong|clever|impressive|well\s+done|not\s+bad)\s+for\s+a\s+(?:woman|girl|man|boy|female)\b"),
    ("duty", "gender", r"\b(?:leave|best\s+left|left)\s+(?:\w+\s+){0,4}?to\s+(?:the\s+)?(?:men|women|boys|ladies|husband)\b"),
    ("inference", "gender", r"\b(?:because|since|as)\s+(?:i|we)(?:['’]m|\s+am|['’]re|\s+are)\s+(?:just\s+|only\s+)?(?:an?\s+)?(?:woman|man|girl|housewife|women)\b"),
    ("inference", "gender", r"\b(?:i['’]m|i\s+am|she['’]s|she\s+is)\s+(?:just|only)\s+an?\s+(?:woman|girl|housewife|mother|mom|mum)\b"),
    ("inference", "gender", r"\bas\s+a\s+(?:woman|man|girl|mother)\b[^.!?\n]{0,20}\b(?:can['’]t|cannot|don['’]t|do\s+not|must|should|would\s+not|wouldn['’]t|need)\b"),
)  # fmt: skip

_ONE = r"(?:an?|no|any|every|each|the\s+average|your\s+average)\s+(?:real\s+|good\s+|proper\s+|married\s+)?"
_SEX = r"(?:woman|man|girl|boy|lady|gentleman|mother|father|wife|husband|housewife|female|male)"
_SEXES = r"(?:women|men|girls|boys|ladies|gentlemen|mothers|fathers|wives|husbands|housewives|females|males)"
_AGED_ONE = r"(?:old|elderly|older|young)\s+(?:woman|man|lady|person|customer|people)"
_LESS = r"(?:faster|better|worse|quicker|sooner|slower|easier|more|less)"
GENERIC: tuple[tuple[str, str, str], ...] = (
    ("duty", "gender", rf"\b{_ONE}{_SEX}\s+(?:should|must|ought\s+to|has\s+to|belongs?|is\s+supposed\s+to)\b[^.!?,\n]{{0,50}}"),
    ("trait", "gender", rf"\b{_ONE}{_SEX}\s+(?:do(?:es)?\s+not|doesn['’]t|never|would\s+only|would\s+never|would\s+just|always|cannot"
     r"|can['’]t|will\s+never|will\s+only|could\s+never)\s+\w+(?:\s+\w+)?"),
    ("ability", "gender", rf"\b(?:no|any|every|a\s+real|a\s+true)\s+{_SEX}\s+(?:is|was|has|knows|gets|understands|likes|wants|needs|loves)\s+\w+"),
    ("duty", "gender", rf"\bas\s+an?\s+(?:young\s+|new\s+|working\s+|single\s+)?{_SEX},?\s+you\s+(?:surely|will|must|should|probably|certainly|would|hardly|do\s+not|don['’]t|are|can|of\s+course|may\s+not)\b[^.!?\n]{{0,60}}"),
    ("inference", "gender", r"\bi(?:['’]m|\s+am)\s+an?\s+(?:man|woman|lady|father|mother),?\s+(?:so|and\s+so|therefore|which\s+means)\b[^.!?\n]{0,40}"),
    ("ability", "gender", rf"\b(?:simple|easy|light|safe|soft|small|gentle|pretty|clean|hard|heavy|complicated|technical|difficult|much)\s+(?:enough\s+)?for\s+(?:an?\s+|the\s+)?(?:{_SEX}|{_SEXES})\b"),
    ("duty", "gender", rf"\b(?:is|are|that['’]s)\s+what\s+(?:an?\s+)?(?:{_SEX}|{_SEXES})\s+(?:is|are)\s+(?:there\s+|made\s+|good\s+)?for\b"),
    ("duty", "gender", rf"\b(?:typical|such|real|proper|just)\s+(?:{_SEXES}['’]?|{_SEX}['’]?s?)\s+(?:jobs?|work|tasks?|things?|stuff|business|matters?|problems?)\b"),
    ("trait", "gender", rf"\b(?:you\s+)?know\s+(?:how|what)\s+{_SEXES}\s+(?:are|do|want|say|think)\b"),
    ("ability", "gender", rf"\b(?:do\s+not|don['’]t|never|cannot|can['’]t|would\s+not|wouldn['’]t)\s+(?:trust|let|believe|ask|leave|expect)\s+(?:an?\s+)?(?:{_SEXES}|{_SEX})\s+(?:with|to|near|about|on|in|at|do|drive|handle|touch|run)\b"),
    ("trait", "gender", rf"\b{_SEXES}\s+(?:usually|always|mostly|generally|typically|often|never|only|just|simply|do\s+not|don['’]t|care|prefer|like|love|worry|pick|learn|get|understand|know|buy|take)\s+(?:\w+\s+){{0,4}}?"
     r"(?:\w+er\s+than|more\s+than|less\s+than|about\s+the|the\s+\w+\s+one|pink|colou?rs?|looks|shoes|fashion|shopping|cars?|football|gadgets?|tools?|babies|cooking|technology|numbers)\b"),
    ("trait", "gender", r"\b(?:made|meant|designed|built|intended)\s+for\s+(?:real\s+)?(?:men|boys|a\s+man),?\s+(?:not|and\s+not)\b"),
    ("ability", "gender", rf"\b{_SEXES}\s+(?:\w+\s+){{1,4}}?{_LESS}\s+(?:\w+\s+)?than\s+{_SEXES}\b"),
    ("gendered job", "gender", r"\b(?:done|written|made|built|programmed|designed|repaired|led|run|fixed|planned|driven|installed|managed)\s+by\s+an?\s+(?:woman|girl|female|man|male)\b"),
    ("gendered job", "gender", rf"\b(?:do\s+not|don['’]t)\s+tell\s+me\s+(?:that\s+)?an?\s+{_SEX}\b[^.!?\n]{{0,50}}"),
    ("assumption", "gender", r"\b(?:send|give|get|find)\s+(?:me\s+|us\s+)?a\s+(?:man|male|real\s+man|woman|female)\b"),
    ("assumption", "gender", r"\b(?:let|have|ask)\s+(?:your|a|some)\s+(?:male\s+\w+|(?:son|brother|husband|father)(?:\s+or\s+\w+)?)\s+(?:do|to|handle|explain|fix|help)?\b"),
    ("ability", "age", rf"\b{_ONE}{_AGED_ONE}\s+(?:should|must|can['’]t|cannot|does\s+not|doesn['’]t|never|will\s+never|would\s+only|is\s+too)\b[^.!?,\n]{{0,40}}"),
    ("ability", "age", r"\b(?:simple|easy)\s+enough\s+for\s+(?:an?\s+|the\s+)?(?:old|elderly|older|senior|pensioner|grandm|grandp)\w*"),
    ("duty", "gender", rf"\b{_SEXES}\s+(?:with\s+\w+\s+)?(?:should|must)\s+(?:not\s+)?(?:work|drive|have|be\s+allowed|stay|lead|vote|decide|study|earn)\b"),
)  # fmt: skip

_KIN = r"(?:my|your|her|his|the|our|their)\s+(?:husband|wife|father|dad|son|brother|boyfriend|girlfriend|mother|daughter)"
_MALE = r"(?:my|your|her|the|a|their)\s+(?:husband|father|dad|son|brother|boyfriend|man)"
KIN: tuple[tuple[str, str, str], ...] = (
    ("assumption", "gender", rf"\b{_KIN}\s+(?:should|must|has\s+to|ought\s+to|needs\s+to|will\s+have\s+to|had\s+better)\s+(?:\w+\s+)?"
     r"(?:decide|handle|choose|sign|approve|deal|manage|cook|clean|do\s+the|take\s+care|stay|know|look\s+after|call)\b"
     r"[^.!?\n]{0,60}"),
    ("assumption", "gender", rf"\b{_MALE}\b[^.!?\n]{{0,30}}\b(?:he\s+)?(?:knows?|understands?|handles|decides)\s+(?:about\s+|all\s+)?(?:the\s+|our\s+)?"
     r"(?:money|finances?|these\s+things|such\s+things|technology|computers?|cars?|technical|numbers|bills)\b"),
    ("assumption", "gender", r"\b(?:speak|talk|transfer\s+me|put\s+me\s+through|connect\s+me|pass\s+me)\s+(?:to|with)\s+(?:a|the|some)\s+"
     r"(?:real\s+|proper\s+)?(?:man|male|guy|gentleman|woman|lady|female)\b[^.!?\n]{0,40}"),
    ("assumption", "gender", r"\b(?:ask|check\s+with|let|get|bring|send)\s+(?:your|her|the)\s+(?:husband|father|dad|son|man)\b[^.!?\n]{0,40}"
     r"\b(?:first|instead|decide|permission|explain|handle|approve|do\s+it)\b"),
    ("assumption", "gender", r"\b(?:i\s+)?(?:want|need|prefer|would\s+like)\s+(?:to\s+(?:speak|talk)\s+(?:to|with)\s+)?a\s+(?:man|male|woman|female)\b[^.!?\n]{0,40}"
     r"\b(?:who|because|since|for|to\s+(?:help|explain|fix|handle|do))\b"),
    ("assumption", "gender", r"\b(?:my|his)\s+wife\s+(?:does|handles|is\s+in\s+charge\s+of)\s+(?:all\s+)?the\s+(?:cooking|cleaning|housework|laundry|shopping)\b"),
)  # fmt: skip

AGED: tuple[tuple[str, str, str], ...] = (
    ("ability", "age", r"\b(?:too|way\s+too)\s+old\s+(?:to|for)\s+(?:learn|use|understand|work|change|drive|computers?|technology|apps?|the\s+(?:app|job|internet|web|web\s?site)|this|that|any|a)\b"),
    ("ability", "age", r"\b(?:too|way\s+too)\s+young\s+to\s+(?:understand|know|lead|manage|be\s+taken|decide|have\s+a\s+say)\b"),
    ("ability", "age", r"\b(?:at|for)\s+(?:her|his|your|their|that|my)\s+age\b[^.!?\n]{0,20}\b(?:can['’]t|cannot|won['’]t|never|could\s+not|couldn['’]t|shouldn['’]t|no\s+(?:one|body)|nobody)\b"),
    ("ability", "age", r"\b(?:can['’]t|cannot|won['’]t|never|not)\s+(?:\w+\s+){1,5}at\s+(?:her|his|your|their|that|my)\s+age\b"),
    ("ability", "age", r"\byou\s+can['’]t\s+teach\s+an?\s+old\s+\w+\b"),
    ("inference", "age", r"\b(?:an?|the|any|some)\s+(?:old|elderly|older)\s+(?:man|woman|lady|person|customer)\s+(?:like\s+\w+\s+)?(?:can['’]?t|cannot|won['’]t|will\s+never|doesn['’]t)\b"),
)  # fmt: skip

_FOREIGN = r"(?:immigrants?|foreigners?|migrants?|refugees?|those\s+people|muslims?|jews?|blacks?|black\s+people|asians?|mexicans?|africans?|gypsies|arabs?)"
CLAIMS: tuple[tuple[str, str, str], ...] = (
    ("trait", "nationality", rf"\b{_FOREIGN}\s+(?:all\s+|always\s+|just\s+|only\s+)?(?:steal|take\s+our|live\s+(?:off|on)|come\s+here|bring|cheat|lie|commit|don['’]t\s+pay|abuse|milk)\b"),
    ("assumption", "nationality", r"\b(?:speak|talk|transfer\s+me|put\s+me\s+through|connect\s+me)\s+(?:to|with)\s+(?:a\s+|an\s+|some(?:one|body)\s+)?(?:real|native|proper|actual)\s+"
     r"(?:american|english|british|german|canadian|australian)\b"),
    ("assumption", "nationality", r"\b(?:someone|somebody|an\s+agent)\s+who\s+(?:actually\s+|really\s+)?(?:speaks|can\s+speak)\s+(?:proper|real|actual)\s+\w+\b"),
    ("trait", "nationality", r"\byou\s+people\s+(?:are|always|never|all|don['’]t|can['’]t)\b"),
)  # fmt: skip
