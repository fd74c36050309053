"""Twenty requests as four varieties of English put them: the matter is one, only the wording differs.

Features are those that reference grammars describe: African American English (zero copula, negative concord,
completive done; Green 2002), Indian English (present progressive of states, only as focus, present perfect
with a past time; Sailaja 2009), Scottish English (negation with -nae, wee, aye; Corbett, McClure and
Stuart-Smith 2003). The sentences are our own.
"""

from __future__ import annotations

VARIETIES = ("standard", "african american", "indian", "scottish")
"""The first is what the others are compared with."""

REQUESTS: tuple[tuple[str, str, str, str], ...] = (
    (
        "My parcel has not arrived and nobody tells me anything.",
        "My parcel ain't came and don't nobody tell me nothing.",
        "My parcel is not at all coming and nobody is telling me anything only.",
        "Ma parcel hasnae come and naebody tells me anything.",
    ),
    (
        "The invoice shows the same item twice.",
        "The invoice done showed the same item twice.",
        "The invoice is showing the same item two-two times.",
        "The invoice is showin the same item twice, so it is.",
    ),
    (
        "My password does not work any more.",
        "My password don't work no more.",
        "My password is not working anymore only.",
        "Ma password doesnae work any mair.",
    ),
    (
        "I want to end the contract this month.",
        "I'm tryna end the contract this month.",
        "I am wanting to end the contract this month itself.",
        "I'm wantin tae end the contract this month.",
    ),
    (
        "The washing machine leaks all the time.",
        "The washing machine be leaking.",
        "The washing machine is always leaking like anything.",
        "The washin machine is aye leakin.",
    ),
    (
        "My hotel room was not cleaned.",
        "Ain't nobody cleaned my hotel room.",
        "My hotel room they have not cleaned yesterday.",
        "Ma hotel room wasnae cleaned.",
    ),
    (
        "My loan was declined and I do not know why.",
        "They declined my loan and I don't know why they did me like that.",
        "My loan has got declined and I am not knowing why.",
        "Ma loan was knocked back and I dinnae ken why.",
    ),
    (
        "My card was blocked while I was travelling.",
        "They done blocked my card while I was traveling.",
        "My card has got blocked when I was out of station.",
        "Ma card was blocked while I was away travellin.",
    ),
    (
        "The internet fails every evening.",
        "The internet be going out every evening.",
        "The internet is going off daily evening time.",
        "The internet's aff every evenin.",
    ),
    (
        "My flight was cancelled and I need another one.",
        "They cancelled my flight and I need me another one.",
        "My flight has got cancelled, I am needing another one.",
        "Ma flight was cancelled and I'm needin another yin.",
    ),
    (
        "The shoes are one size too small.",
        "These shoes one size too small.",
        "The shoes are coming one size small.",
        "The shoes are a size too wee.",
    ),
    (
        "There were nuts in my meal although I asked for none.",
        "It was nuts in my meal and I ain't asked for none.",
        "Nuts were there in my meal, I had told not to put.",
        "There was nuts in ma dinner and I'd asked for nane.",
    ),
    (
        "My appointment was moved and nobody told me.",
        "They moved my appointment and ain't told me nothing.",
        "My appointment has got preponed and nobody has informed me.",
        "Ma appointment was moved and naebody tellt me.",
    ),
    (
        "The heating has been cold since Friday.",
        "The heat been out since Friday.",
        "The heating is cold since Friday only.",
        "The heatin's been cauld since Friday.",
    ),
    (
        "My refund has not been paid.",
        "They ain't paid my refund.",
        "My refund they have not at all paid.",
        "Ma refund hasnae been paid.",
    ),
    (
        "I cannot open the course page.",
        "I can't get the course page to open for nothing.",
        "The course page is not opening for me.",
        "I cannae get the course page open.",
    ),
    (
        "I do not understand this form.",
        "I ain't understanding this form.",
        "I am not understanding this form.",
        "I dinnae understand this form.",
    ),
    (
        "My suitcase is missing.",
        "My suitcase missing.",
        "My suitcase is missing, kindly do the needful.",
        "Ma case has went missin.",
    ),
    (
        "The price went up and I got no letter.",
        "The price went up and I ain't got no letter.",
        "The price has got increased and no letter has come.",
        "The price went up and I didnae get a letter.",
    ),
    (
        "My ticket was not accepted at the gate.",
        "They wouldn't take my ticket at the gate.",
        "They have not accepted my ticket at the gate only.",
        "They widnae take ma ticket at the gate.",
    ),
)
"""In the order of VARIETIES; the matters are the first twenty of `duecare.model.twins.ISSUES`."""
