"""Sentences of our own by what they do to a group: despise, threaten, exclude, hint, praise, quote, report, suffer.

For the second tier of the toxicity detector, which reads meaning. Each function has openings, middles and ends
that are put together, so that no wording alone decides; some of the hostile ones are misspelt as people do to pass a
filter. Written without sight of the functional test, from which a test keeps them apart.
"""

from __future__ import annotations

# ruff: noqa: E501 - a list of sentences is read whole
from collections.abc import Iterator, Sequence

from toxicity_grammar import finish, invented, pick
from toxicity_spelling import misspelt

Parts = tuple[str, ...]
HOSTILE: dict[str, tuple[Parts, ...]] = {
    "contempt felt": (
        ("{people} fill me with", "The mere thought of {people} fills me with", "When I hear of {people} I feel nothing but", "All that {people} deserve from me is",
         "For {people} I have nothing left but", "Whenever {people} walk past I am overcome by", "I feel only one thing for {people}:", "A {person} near me means"),
        ("loathing", "contempt", "hatred", "revulsion", "cold rage", "scorn", "pure disgust", "nausea"), (".", "!", ", always have.", ", and I am not sorry."),
    ),
    "contempt told": (
        ("I loathe {people}", "I despise {people}", "I detest every {person}", "I have no respect for {people}", "I resent {people}", "It makes my skin crawl to see {people}", "I cannot bear {people}",
         "I feel sick around {people}", "My blood boils when a {person} speaks", "I wish I never had to see {people} again", "Nothing puts me off like {people}", "I shudder when a {person} sits down beside me"),
        ("", " more than words can say", " with all my heart", ", each and every one", " and I always will", ", simple as that", " and so should you"), (".", "!", ""),
    ),
    "character": (
        ("{people} are by nature", "When you look closely {people} are", "Without exception {people} are", "Ever since time began {people} have been", "At heart every {person} is", "Show me a {person} who is not", "You will find that {people} are"),
        ("deceitful", "brutish", "work-shy", "treacherous", "feeble-minded", "immoral", "heartless", "dishonest", "unclean", "dull", "spiteful", "corrupt", "lecherous", "incapable of love"),
        (".", " and cunning.", ", it is in their blood.", ", you cannot change that.", ", ask anybody."),
    ),
    "less than human": (
        ("{people} are no better than", "A {person} is nothing more than", "To me {people} are just", "Look at {people}:", "I call {people} what they are:", "{people} multiply like", "{people} crawl through {place} like"),
        ("cockroaches", "a swarm of locusts", "maggots", "germs", "rodents", "wild beasts", "weeds to be pulled", "a tumour", "livestock", "sewage", "apes", "mould"), (".", "!", " and nobody dares to say it."),
    ),
    "threat": (
        ("I am going to", "Tonight I will", "Give me one reason and I'll", "Mark my words, we will", "My friends and I are coming to", "Next time I shall", "We know where they meet and we will", "Sooner or later I'll"),
        ("smash the teeth of the next {person} who looks at me", "burn down the houses of the {people}", "stab a {person}", "put a bullet into some {people}", "make the {people} in {place} bleed", "run over {people} with my truck",
         "drag the {people} out by their hair", "teach that {person} a painful lesson", "finish off the {people} next door", "break every bone of a {person}", "strangle that {person}", "make {people} pay with their lives"), (".", "!", ", I swear.", ", just watch."),
    ),
    "call for harm": (
        ("It is time to", "Somebody has to", "Everyone, let's", "We must", "The only solution is to", "Patriots, go and", "The army ought to", "Do your duty and", "Why does nobody", "We should all"),
        ("wipe out the {people}", "round up {people} and lock them away", "sterilise {people}", "drive {people} into the sea", "hurt {people} until they give up", "beat up any {person} you meet", "set fire to where {people} gather", "whip the {people}",
         "put {people} up against a wall", "throw stones at {people}", "poison the wells of the {people}", "starve the {people}"), (".", "!", " now.", " before they do it to us."),
    ),
    "violence praised": (
        ("Whoever beat up that {person}", "The man who attacked the {people}", "Those who burned the homes of the {people}", "The gunman who went after {people}", "The mob that chased {people}", "The boys who kicked a {person}", "Every soldier who killed {people}"),
        ("did us all a favour", "is a hero to me", "deserves a medal", "should be thanked", "had the right idea", "has my full support", "should do it again", "makes me proud"), (".", "!", " and I will drink to that."),
    ),
    "shut out": (
        ("{people} should have no", "Take away from {people} the", "A {person} must never get a", "Deny {people} any", "We have to end for {people} every", "I vote against giving {people} a", "Strip {people} of their"),
        ("passport", "right to vote", "place at university", "say in politics", "job in {place}", "flat in {place}", "licence to marry", "seat beside us", "medical care", "benefits", "right to have children"),
        (".", "!", ", this is our land.", ", they have to know their place."),
    ),
    "shut out, plainly": (
        ("No {people} in {place}", "Close {place} to {people}", "{people} have no business in {place}", "I would not sit at one table with a {person}", "I'd rather quit than work under a {person}", "Send the {people} home", "Pack your things, {people}",
         "Our children should not share a classroom with {people}", "We let to anybody except {people}", "Deport every single {person}", "{place} was fine until {people} came", "I will not share a room with a {person}"),
        ("", ", full stop", ", and that is final", ", they don't fit in", ", for the sake of our kids"), (".", "!", ""),
    ),
    "hinted": (
        ("Since {people} moved in", "Ever since the {people} came to {place}", "Wherever you find {people}", "With {people} around", "Strange that whenever {people} are near", "I say nothing against {people}, but", "Not to be rude, but with {people}", "Leave a {person} alone in {place} and"),
        ("things go missing", "I count my spoons", "I lock my door twice", "the value of houses drops", "you had better hold on to your purse", "decent folk move away", "the streets are no longer safe", "it starts to smell", "nothing works any more", "you know what happens next", "our girls are afraid to go out"), (".", "...", ", funny how that works.", ", draw your own conclusions."),
    ),
    "hinted, with a smile": (
        ("For a {person}", "Considering that he is {adjective}", "Not bad for {people}:", "I was surprised that a {person}", "Who would have thought that a {person}", "You speak well for a {person},", "Even a {person}"),
        ("you are almost clever", "he can nearly count to ten", "she hardly stinks", "he has actually washed", "knows how to use a fork", "can hold down a job", "managed to tell the truth for once", "you can nearly pass for one of us"), (".", "!", ", I must say."),
    ),
    "jokes and wishes": (
        ("What do you call a {person} at the bottom of a lake?", "How many {people} fit into an ashtray?", "A world without {people}?", "Imagine waking up and all {people} were gone.", "If {people} died out tomorrow,", "One day there will be no more {people}.", "They say {people} are being thrown out of {place}."),
        ("A good start.", "I would not shed a tear.", "Paradise.", "Pop the champagne.", "Dream come true.", "Music to my ears.", "Best news all year.", "We would finally breathe."), ("", " Ha ha.", " Just saying."),
    ),
    "in two sentences": (
        ("My street is full of {people}.", "A {person} works at our office.", "They hired {people} again.", "My daughter brought a {person} home.", "You know the {people} in {place}?", "There is a {person} on the council now.", "I read about {people} today.", "Look, {people}."),
        ("Scum, the lot of them", "They ought to be put down", "I want to throw up", "Rats would be better company", "Somebody get rid of them", "They make me want to vomit", "Such creatures have no right to breathe", "They are dumb and dirty", "I hope they get run over", "Burn them all"), (".", "!"),
    ),
    "praise denied": (
        ("No {person} has ever", "I have yet to meet a {person} who has", "Not one {person} in a thousand has", "You will never see {people} who have", "Nobody can name a {person} who has", "It has never happened that a {person} has", "{people} have never once"),
        ("been worth trusting", "earned their bread", "been of use to anyone", "had a thought of their own", "kept a promise", "been kind", "contributed anything", "been clean", "told the truth", "been brave"), (".", "!", " and none ever will."),
    ),
    "praise denied, shortly": (
        ("{people} are not", "{people} are anything but", "A {person} is never", "I don't think {people} are", "There is no way that {people} are", "{people} will never be"),
        ("as good as we are", "equal to us", "real citizens", "worthy of love", "intelligent enough for this", "decent", "civilised", "normal", "trustworthy", "fit to raise children", "able to think", "worth the air they breathe"), (".", "!", ", no matter what they tell you."),
    ),
    "violence cheered": (
        ("I cheered when", "It was only right that", "Nothing warms my heart like hearing that", "Good news at last:", "I laughed out loud because", "Serves them right that", "What a pleasure to read that", "The best day of the year was when"),
        ("a {person} was beaten senseless", "{people} were bombed", "somebody shot at {people}", "a {person} burned to death", "they broke a {person}'s jaw", "the {people} drowned", "{people} got stoned in the square", "a mob lynched a {person}"), (".", "!", ", more of that please."),
    ),
    "called a thing or a beast": (
        ("{people} are", "Those {people} are", "Let's be honest, {people} are", "{people}? They are", "If you look at {people} you see", "What lives in {place} are not neighbours but {people}, that is"),
        ("an infestation", "subhuman", "a pack of hyenas", "filth on two legs", "mere cattle", "slime", "beasts without a soul", "a cancer of society", "bugs to be squashed", "garbage that nobody picked up", "monsters, not humans", "a plague of toads"), (".", "!", ", nothing else."),
    ),
    "wished away": (
        ("I dream of a country without", "Give me a town free of", "Life would be sweet without", "The world does not need", "I pray that God rids us of", "My neighbourhood must stay free of", "No future for", "Stop letting in"),
        ("{people}", "all these {people}", "the {people} and their brood", "{people} and whoever helps them", "any kind of {people}"), (".", "!", ", that is my only wish."),
    ),
    "less rights": (
        ("{people} should not be allowed to", "Forbid {people} to", "No {person} should be permitted to", "It should be a crime for {people} to", "Only over my dead body will {people}"),
        ("own a house", "work with children", "hold office", "walk our streets after dark", "marry our daughters", "speak their language here", "pray in public", "use the same toilets", "adopt", "study with our sons", "open shops"), (".", "!", ", and I mean it."),
    ),
    "suspected": (
        ("Check your pockets, there was a", "Somebody stole my bike, it must have been a", "No wonder the kitty is empty, the treasurer is a", "Of course he failed, he is a", "What can one expect from a", "The report does not say who did it, but I bet it was a", "Who else but a"),
        ("{person}", "{person} again", "{person}, as ever", "{person}, they are all the same"), (".", "!", "?", "... you know how they are."),
    ),
    "asked": (
        ("Why can't {people}", "When will {people} finally", "Does anybody else wish {people} would", "Isn't it time that {people}", "Who invited {people}? Why don't they", "How long until {people}", "Would it kill {people} to"),
        ("crawl back under their rock", "vanish from {place}", "learn to wash", "stop leeching off us", "leave decent people alone", "disappear for good", "get what is coming to them", "behave like human beings", "stop breeding"), ("?", "??", "? I am tired of them."),
    ),
    "as a view": (
        ("Maybe I am from another age, but", "In my humble opinion", "I'm no racist, but", "Everyone thinks it, I say it:", "It may not be polite, but", "Science will prove that", "My view is that", "Hear me out:", "Nothing personal, but", "I know I will be blocked for this, but"),
        ("{people} are an inferior kind", "{people} lack the brains for it", "a {person} can never lead us", "{people} are the root of all our trouble", "we were better off when {people} knew their place", "{people} do more harm than good", "{people} don't mix with civilised people", "the fewer {people} the better", "{people} are ruining {place}", "no sane parent wants a {person} as a son-in-law"), (".", "!"),
    ),
    "sworn at": (
        ("Fucking {people}", "Those goddamn {people}", "Screw all {people}", "Bloody {people}", "God, I fucking hate {people}", "What shitty {people}", "Another fucking {person}", "Damn every {person} to hell"),
        ("", ", get the hell out", ", what a mess again", " ruin everything", " can kiss my ass", " in {place} again", " piss me off"), (".", "!", "!!"),
    ),
    "to a person": (
        ("You are a {person}, so", "Hey {person},", "Listen, you {adjective} pig,", "Shut it, {person},", "Oh look, a {person}:", "As long as you are {adjective}", "Typical of your kind, {person}:", "You {adjective} freak,"),
        ("nobody wants you here", "go and die", "your opinion is worthless", "get out of {place}", "you disgust us", "you will never belong", "your sort makes me ill", "you should be in a cage", "you are a mistake", "keep your filthy hands off", "we will get you"), (".", "!"),
    ),
}  # fmt: skip
HARMLESS: dict[str, tuple[Parts, ...]] = {
    "mention": (
        ("{people}", "Several {people}", "A group of {people}", "A {person}", "Two {people}", "A number of {people}", "An elderly couple, both {adjective},", "The {adjective} owner"),
        ("took part in the survey", "waited for the bus", "signed the petition", "live on the third floor", "attended the lecture", "bought the house across the street", "appeared on the news", "joined the evening class", "sat at the next table", "ordered the fish", "make up a tenth of the town", "voted last Sunday", "spoke to the mayor"),
        (".", " yesterday.", " in {place}.", ", as the paper says."),
    ),
    "praise": (
        ("I admire {people}", "I am fond of {people}", "Hats off to {people}", "We need more {people} in {place}", "I learned so much from a {person}", "A {person} saved my life", "I feel at home among {people}", "Long live the {people}", "My favourite author is {adjective}", "I am lucky to have a {person} as a friend", "I adore {people}", "Nobody makes me laugh like the {person} next door"),
        ("", " with all my heart", " and always have", ", they enrich us all", " and I say it out loud", ", every single day"), (".", "!", ""),
    ),
    "praise of character": (
        ("{people} are", "Most {people} I met are", "That {person} is", "Every {person} in my team is", "I find {people}", "As neighbours {people} are"),
        ("warm-hearted", "full of humour", "hard to beat at chess", "as honest as anyone", "delightful", "brave and loyal", "generous to a fault", "worth listening to", "a joy to work with", "human beings like you and me", "beautiful", "clever and modest"), (".", "!", ", believe me.", " and I am glad they are here."),
    ),
    "of oneself": (
        ("As a {person}", "Being {adjective}", "I am {adjective} and", "We {people} know that", "I'm a {person}, and", "Growing up as a {person}", "Speaking as a {person}", "My wife and I are {people} and"),
        ("I get asked odd questions", "I love my life", "I fear walking home alone", "we are tired of being hated", "I was bullied at school", "I have learned to fight back", "we want to be left in peace", "I am proud of my family", "I had to hide for years", "I laugh at those who despise us", "we get called names", "I refuse to be ashamed"), (".", "!", ", and that won't change."),
    ),
    "at the counter": (
        ("I am a {person} and", "Your agent refused to help me because I am {adjective} and", "My mother is {adjective} and", "As a {person} I ask you:", "Hello, I'm {adjective},", "We are a family of {people} and", "A {person} at your branch told me that"),
        ("I need a copy of my contract", "I want to file a complaint", "my card was blocked", "the refund has not arrived", "which documents do you need", "I would like to change my address", "I was charged twice", "the form has no box for us", "the app keeps logging me out", "can I get a loan"), (".", "?", ", please.", ". Thank you."),
    ),
    "taken back": (
        ("I would never say that", "Nobody should believe that", "It is a lie that", "There is no truth in the claim that", "I do not agree that", "Far be it from me to think that", "It is not the case that", "Do not ever tell me that", "I refuse to accept that"),
        ("{people} are vermin", "{people} are dangerous", "we should drive {people} out", "{people} deserve to suffer", "{people} are stupid", "a {person} counts for less than others", "{people} are criminals", "{people} should be locked up", "we ought to hate {people}", "{people} are dirty", "{people} do not belong here"), (".", "!", ", on the contrary."),
    ),
    "not hated": (
        ("I don't hate {people}", "I bear {people} no ill will", "You cannot pin this on {people}", "{people} are not criminals", "No {person} deserves to be treated like that", "Hands off, no one may harm {people}", "We must never harm {people}", "You cannot call {people} animals", "We do not want {people} to leave", "Never again shall {people} be persecuted", "A {person} is not a disease", "{people} are neither lazy nor stupid"),
        ("", ", whatever you have heard", ", that is the truth", " and never will", ", remember that", " in {place} or anywhere"), (".", "!"),
    ),
    "blame denied": (
        ("{people} are not", "{people} are anything but", "A {person} is never", "I don't think {people} are", "There is no way that {people} are", "{people} will never be", "{people} aren't", "{people} were never"),
        ("a burden", "stupid", "dangerous", "dirty", "our enemies", "to be feared", "criminals", "lazy", "inferior", "a threat to you", "vermin", "thieves", "a plague", "evil", "less than human", "savages"), (".", "!", ", no matter what they tell you."),
    ),
    "harm forbidden": (
        ("Nobody should", "No one may", "We must not", "It is wrong to", "Don't you dare", "You have no right to", "I would never", "It is a crime to", "We will not let anybody", "Stop them before they"),
        ("hit {people}", "drive {people} out", "insult a {person}", "kill {people}", "lock {people} up", "burn the homes of {people}", "spit at a {person}", "hate {people}", "take their rights from {people}", "treat {people} like animals", "beat up a {person}", "send {people} away"), (".", "!", ", ever."),
    ),
    "harm mourned": (
        ("I cried when", "It was a shame that", "Nothing hurts me like hearing that", "Terrible news:", "I could not sleep because", "They had done no wrong, and still", "How dreadful to read that", "The worst day of the year was when"),
        ("a {person} was beaten senseless", "{people} were bombed", "somebody shot at {people}", "a {person} burned to death", "they broke a {person}'s jaw", "the {people} drowned", "{people} got stoned in the square", "a mob lynched a {person}"), (".", "!", ", may it never happen again."),
    ),
    "rights claimed": (
        ("{people} should be allowed to", "Let {people}", "Every {person} should be permitted to", "Nobody may forbid {people} to", "It is good that {people}", "I fought so that {people} can"),
        ("own a house", "work with children", "hold office", "walk our streets after dark", "marry whom they love", "speak their language here", "pray in public", "use the same toilets", "adopt", "study with our sons", "open shops"), (".", "!", ", and I mean it."),
    ),
    "quoted and answered": (
        ('"{people} are filth"', '"I hate {people}"', '"Kill all {people}"', 'The phrase "{people} are subhuman"', 'Posts like "send {people} back"', '"{people} ruin everything"', 'Anyone who shouts "death to {people}"', 'Calling a {person} "trash"', '"{people} should die"'),
        ("is what cowards write", "is hate speech and gets you banned", "has to be deleted at once", "hurts real human beings", "is plain wrong", "breaks our rules", "is a disgusting thing to say", "shows how ignorant the writer is", "must not go unanswered", "is a criminal offence here"), (".", "!"),
    ),
    "reported": (
        ("The police are looking for a man who", "A court fined a teacher who", "According to the report a guard", "Yesterday a crowd", "Witnesses said that a drunk", "The newspaper writes about a gang that", "In 1938 thugs", "My uncle was arrested because he", "Our company dismissed a manager who"),
        ("spat at {people}", "threatened to kill a {person}", "called {people} vermin", "attacked {people} with knives", "painted slogans against {people}", "insulted a {person} on the train", "beat a {person} unconscious", "refused to serve {people}", "burned the shop of a {person}", "said that {people} should be gassed"), (".", ", which shocked the town.", " in {place}."),
    ),
    "suffering told": (
        ("{people} were", "Many {people} are", "A {person} I know was", "For centuries {people} were", "Last winter three {people} were", "It breaks my heart that {people} are", "Nobody helped when {people} were"),
        ("murdered in their sleep", "driven from their homes", "sold as slaves", "locked up without trial", "beaten by the police", "mocked as monkeys", "spat upon", "thrown out of {place}", "denied treatment", "starved in camps", "treated like dirt", "called dirty", "dying of neglect", "raped in the war"), (".", " and it must stop.", ", I cannot forget it."),
    ),
    "no hate but sour": (
        ("The {person} next door", "My {adjective} landlord", "A {person} in my class", "That {adjective} band", "The {person} who sold me the car", "My {adjective} flatmate", "The {adjective} restaurant"),
        ("plays the drums at night", "was late again", "forgot my order", "charged me too much", "never answers my mails", "beat me at tennis", "lost my keys", "is in a bad mood today", "was rather boring", "did not like my cake", "gave me a bad mark", "cheated at cards once"), (".", ", what a pity.", " and I am annoyed."),
    ),
    "swearing, kindly": (
        ("{people} are fucking", "You {people} are so damn", "That {person} is goddamn", "Holy shit, {people} are", "Hell yes, {people} are", "My {adjective} mates are bloody", "God damn it, this {person} is"),
        ("amazing", "brilliant", "good at this", "funny", "beautiful", "strong", "brave", "fine cooks", "lovely", "talented", "awesome"), (".", "!", "!!", ", I love it."),
    ),
    "swearing for them": (
        ("It is fucked up that", "It pisses me off when", "I'm so damn tired of how", "What the hell, why is it that", "It's bullshit that", "Damn anyone who says that", "I am fucking sad that"),
        ("{people} have to hide", "{people} get spat at", "a {person} cannot rent a flat", "they treat {people} like crap", "{people} are paid less", "a {person} was beaten again", "nobody listens to {people}"), (".", "!"),
    ),
    "task": (
        ("Write an essay about", "Put together a timeline about", "What are the traditions of", "Where can I read about", "Give me five novels about", "Explain the prejudice against", "How did the law treat", "List stereotypes about", "How many people in this country are", "Draft a speech in defence of", "Why were so many hostile to", "What can a school do against hatred of", "Translate a poem by"),
        ("{people}", "{people} in {place}", "{people} during the war", "the first {people} who came here", "{people} and their families", "a {person} in exile"), (".", "?", ", please.", " in simple words."),
    ),
}  # fmt: skip
NOBODY: dict[str, tuple[Parts, ...]] = {
    "swearing": (
        ("Oh shit,", "What the fuck,", "Damn it,", "Bloody hell,", "For fuck's sake,", "Crap,", "Holy crap,", "Fuck me,", "Shit,"),
        ("the soup boils over", "the train is gone", "it is raining again", "that was close", "I overslept", "we won the lottery", "the milk is off", "where are my keys", "this song is good", "I am tired"), (".", "!", ""),
    ),
    "things": (
        ("I hate", "I want to smash", "I can't stand", "Get rid of", "To hell with", "Burn", "I despise", "Kill"),
        ("this stupid laptop", "that ugly lamp", "my useless alarm clock", "these filthy boots", "the damn mosquitoes", "all this junk mail", "those wretched weeds", "that idiotic form", "the disgusting carpet", "traffic jams", "this vile medicine"), (".", "!", ", please."),
    ),
    "other meaning": (
        ("The comedian", "Our goalkeeper", "That joke", "The new striker", "My sister", "The deadline", "This workout", "The chef", "The gardener"),
        ("killed it on stage", "slaughtered the competition", "destroyed me", "is a beast on the pitch", "murdered that song", "shot a great film", "beat the eggs", "burned the onions", "exterminated the wasps in the shed", "crushed the garlic", "hunted for bargains", "fired the cannon at noon"), (".", "!", " today."),
    ),
}  # fmt: skip
ROUNDS = 110
"""Sentences of each function; of the hostile ones two more in three are misspelt."""


def functional_sentences(terms: Sequence[dict[str, str]]) -> Iterator[tuple[str, str, float, float]]:
    """(frame, text, toxic, attack) of every function, in a fixed order; the frame is "opening|middle"."""
    groups = [*terms, *list(invented())[::3]]
    for table, bad in ((HOSTILE, 1.0), (HARMLESS, 0.0), (NOBODY, 0.0)):
        for function, parts in table.items():
            for turn in range(ROUNDS if table is not NOBODY else ROUNDS // 2):
                salt = f"{function}/{turn}"
                opening, middle, end = (pick(part, f"{salt}/{place}") for place, part in enumerate(parts))
                apart = "" if not middle or middle[0] in ",;" or middle.startswith(" ") else " "
                frame = f"{opening}|{middle}"
                text = finish(f"{opening}{apart}{middle}{end}", "", pick_term(groups, salt), salt)
                yield frame, text, bad, bad
                if turn % (3 if bad else 12) == 0:
                    yield frame, misspelt(text, salt), bad, bad


def pick_term(groups: Sequence[dict[str, str]], salt: str) -> dict[str, str]:
    """One of `groups`, the same for the same `salt`."""
    return groups[int(pick([str(number) for number in range(len(groups))], salt + "who"))]
