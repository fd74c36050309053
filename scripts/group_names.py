"""Names of groups of people, an open list of our own: `src/duecare/detect/words/groups.json`.

python scripts/group_names.py

Written from general knowledge, copied from no list. All countries and the larger peoples, faiths, orientations,
genders, ages, disabilities and ways of living. Words whose everyday meaning is another ("old", "polish",
"pole", "turkey"), or that name a club, a place or a make far more often ("yankees", which held-out tweets
showed, "dakota", "apache") are not among them. Detectors look names up in it. The lists that weights are taught from lack the
entries under `held`: those that the functional test keeps unseen, and every tenth of those that were in none of
them before. A detector without them says what names are worth that no list holds. `ordinary` are words one
slip away from a name that are words of their own; for them the script needs `duecare[minilm]`.
"""

from __future__ import annotations

# ruff: noqa: E501 - a list of words is read whole
import hashlib
import json
import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "benchmarks"))
from functional.apart import unseen_words
from toxicity_groups import group_words

from duecare.detect.groups import misspelt, parts
from duecare.detect.minilm import shipped_encoder
from duecare.detect.ngrams import PEOPLE_WORDS

PATH = Path(__file__).parent.parent / "src/duecare/detect/words/groups.json"
HELD_SHARE = 10
"""Of so many names, all forms together, one is held."""

NO_SLIPS = ("moron", "morons", "shite", "shites", "koran", "guinan", "laine", "venas", "homs", "germs", "turd", "turds")  # fmt: skip
"""Words that the encoder's vocabulary lacks and that are no misspelt names: slurs above all."""

IN_S = """
afghan albanian algerian american andorran angolan antiguan argentinian argentine armenian aruban australian austrian
azerbaijani azeri bahamian bahraini bangladeshi barbadian bajan belarusian belgian belizean bermudian bolivian bosnian brazilian
bruneian bulgarian burundian cambodian cameroonian canadian catalan chadian chilean colombian comorian croatian croat cuban cypriot czech
djiboutian dominican ecuadorian egyptian emirati eritrean estonian ethiopian fijian filipino filipina gambian georgian
german ghanaian greek greenlander grenadian guadeloupean guamanian guatemalan guinean guyanese haitian honduran hongkonger hungarian icelander
indian indonesian iranian iraqi israeli italian ivorian jamaican jordanian kazakh kazakhstani kenyan korean kosovar kosovan kuwaiti
kyrgyz laotian latvian liberian libyan lithuanian luxembourger macedonian malawian malaysian malay maldivian malian mauritanian mauritian mexican
micronesian moldovan mongolian mongol montenegrin moroccan mozambican namibian nauruan nepali nicaraguan nigerian nigerien
norwegian omani pakistani palauan palestinian panamanian papuan paraguayan peruvian qatari romanian russian
rwandan salvadoran salvadorean samoan saudi serb serbian seychellois singaporean slovak slovakian slovene slovenian
somali somalian spaniard surinamer swede swazi syrian tajik tanzanian thai tibetan togolese tongan trinidadian tunisian turk
turkmen tuvaluan ugandan ukrainian uruguayan uzbek vanuatuan venezuelan yemeni yugoslav zambian zimbabwean zairean briton brit scot
englander londoner parisian berliner texan californian hawaiian alaskan bavarian prussian flandrian fleming walloon breton basque corsican
sardinian sicilian neapolitan tuscan venetian galician andalusian castilian occitan savoyard tyrolean silesian moravian
bohemian transylvanian wallachian ruthenian sorb kashubian karelian sami laplander siberian chechen dagestani ingush ossetian circassian abkhaz
abkhazian tatar bashkir chuvash yakut kalmyk buryat uyghur uighur tuvan crimean cossack balt slav scandinavian iberian balkan
caucasian anatolian mesopotamian levantine arab arabian berber amazigh kabyle tuareg bedouin kurd yazidi yezidi assyrian chaldean aramean
copt druze alawite alevi baloch baluchi balochi pashtun pathan hazara punjabi sindhi kashmiri gujarati bengali tamil telugu
kannadiga malayali marathi rajput bihari naga mizo manipuri ladakhi dalit adivasi parsi parsee gurkha rohingya
hmong miao zhuang khmer montagnard dayak batak moluccan papua igorot visayan
tagalog ainu ryukyuan okinawan manchu aborigine aboriginal maori polynesian melanesian tahitian rapanui chamorro
inuk eskimo aleut metis navajo sioux lakota iroquois comanche choctaw chickasaw
hopi zuni ojibwe ojibwa chippewa algonquin cree blackfoot haida tlingit mapuche quechua aymara guarani mayan aztec nahua
zapotec mixtec inca amerindian amazonian yanomami garifuna creole mestizo cajun quebecer acadian chicano chicana tejano nuyorican boricua
latino latina hispanic caribbean antillean afro-caribbean african afrikaner boer zulu xhosa sotho tswana ndebele shona venda tsonga herero himba bushman khoikhoi
igbo yoruba hausa fulani kanuri ijaw akan ashanti wolof serer mandinka mandingo bambara dogon mossi temne mende
kikuyu luo luhya kamba kalenjin maasai masai tutsi hutu pygmy baganda acholi dinka nuer nubian oromo amhara tigrayan tigrinya sidama
malagasy merina comoran swahili bantu luba european asian eurasian african-american latin-american
asian-american arab-american irish-american italian-american mexican-american cuban-american native-american middle-easterner westerner easterner northerner southerner
aussie gypsy sinti romani pavee manouche vlach aromanian gagauz pomak
immigrant migrant emigrant refugee foreigner expatriate expat asylum-seeker guest-worker
christian catholic protestant anglican episcopalian lutheran methodist baptist presbyterian calvinist evangelical pentecostal adventist mormon
quaker mennonite hutterite unitarian maronite melkite nestorian waldensian huguenot puritan jesuit
jew zionist hasid muslim moslem sunni shiite sufi salafi wahhabi ismaili ahmadi ahmadiyya ibadi hindu vaishnava shaivite brahmin buddhist theravadin sikh jain
jainist taoist daoist confucian confucianist shintoist zoroastrian bahai rastafarian rasta animist pagan neopagan heathen wiccan druid shaman shamanist
spiritualist spiritist candomble-follower santero vodouist scientologist raelian satanist atheist agnostic freethinker secularist non-believer nonbeliever
churchgoer worshipper apostate
gay lesbian homosexual bisexual pansexual asexual demisexual aromantic heterosexual hetero queer sapphic polyamorist
transsexual transgender crossdresser cross-dresser hijra muxe feminist
female male girl boy
teenager teen adolescent toddler preteen pensioner retiree octogenarian septuagenarian nonagenarian sexagenarian quinquagenarian quadragenarian
centenarian supercentenarian millennial boomer gen-zer gen-xer twentysomething thirtysomething fortysomething fiftysomething sixtysomething granny oldster youngster
amputee paraplegic quadriplegic tetraplegic hemiplegic diplegic epileptic diabetic asthmatic autistic aspie dyslexic dyspraxic dyscalculic schizophrenic haemophiliac hemophiliac albino
stutterer stammerer deaf-mute narcoleptic insomniac anorexic bulimic
coeliac celiac achondroplastic wheelchair-user
widow widower housewife househusband stepmother divorcee spinster
vegan vegetarian pacifist peasant farmworker proletarian
"""

AS_THEY_ARE = """
afghani antiguan-barbudan argentinean bangladeshi beninese bhutanese bissau-guinean british burkinabe burmese chinese congolese danish dane danes dutch
dutchman dutchmen dutchwoman dutchwomen english englishman englishmen englishwoman englishwomen faroese finnish finn finns french frenchman frenchmen frenchwoman frenchwomen
gabonese greenlandic guyanese icelandic ni-vanuatu irish irishman irishmen irishwoman irishwomen japanese lebanese lankan lankans sinhalese maltese manx
monegasque monegasques myanmarese nepalese portuguese sammarinese scotsman scotsmen scottish scots senegalese seychellois seychelloise
sierra-leonean spanish sudanese surinamese swedish swiss taiwanese togolese turkish vietnamese welsh welshman welshmen cornish cornishman cornishmen
liechtensteiner liechtensteiners motswana batswana basotho mosotho emiratis israelite israelites hebrew kittitian kittitians vincentian vincentians cantonese hakka hokkien hainanese
sichuanese shanghainese fujianese teochew javanese sundanese balinese madurese acehnese assamese odia goan goans konkani maithili timorese lao
roma romany sinti inuit yupik sioux iroquois uyghurs kurdish flemish frisian frisians sorbian kashubian basques catalonian catalonians galego silesians slavic
baltic nordic germanic gaelic gael gaels semitic jewish judaic jewess jewesses ashkenazi ashkenazim sephardi sephardim sephardic mizrahi mizrahim haredi haredim
hasidic hasidim karaite karaites samaritan samaritans islamic islamist islamists shiites shia shi'ite shi'ites sunnis sufis ibadis coptic presbyterians amish orthodox
orthodox-christian hindus lingayat lingayats rastafari bahá'í baha'i baha'is zoroastrians parsis satanists godless faithless irreligious nonreligious
non-religious heathens afro-american afro-americans afro-latino afro-latinos afro-brazilian afro-brazilians afro-german afro-germans afrodescendant anglo-indian anglo-indians anglo-saxon anglo-saxons
latinx latine latin filipinx tongans bantus khoisan khoi bushmen bushwoman bushwomen biracial multiracial mixed-race interracial indigenous natives nomads travellers sherpas
black blacks white whites brown-skinned dark-skinned light-skinned black-skinned east-asian south-asian southeast-asian central-asian north-african west-african east-african
eastern-european western-european southern-european middle-eastern
lgbt lgbtq lgbtqia lgbtqi glbt gays lesbians bi-sexual bisexuals same-sex queers two-spirit twospirit genderqueer gender-fluid genderfluid agender bigender nonbinary non-binary enby enbies
trans transmasc transfem transwoman transwomen transman transmen intersex cis cisgender cissexual polyamorous
woman women man men girls boys females males womenfolk womankind
elderly teenage adolescent middle-aged geriatric geriatrics oldies seniors orphans zoomers
disabled handicapped deaf hard-of-hearing deafblind deaf-blind blind sightless partially-sighted visually-impaired hearing-impaired paralyzed paralysed wheelchair-bound limbless
neurodivergent neurodiverse non-verbal nonverbal dyslexics bipolar schizoaffective schizoid psychotic psychotics
hiv-positive immunocompromised mentally-ill chronically-ill
homeless unhoused jobless unemployed impoverished destitute working-class lower-class low-caste undocumented
puerto-rican puerto-ricans
"""

PHRASES = """
jehovah's witness|jehovah's witnesses|jehovahs witness|jehovahs witnesses|seventh-day adventist|seventh-day adventists|seventh day adventist|seventh day adventists
latter-day saint|latter-day saints|latter day saint|latter day saints|christian scientist|christian scientists|born-again christian|born-again christians
hare krishna|hare krishnas|falun gong practitioner|falun gong practitioners|greek orthodox|russian orthodox|eastern orthodox|roman catholic|roman catholics
sri lankan|sri lankans|puerto rican|puerto ricans|costa rican|costa ricans|new zealander|new zealanders|south african|south africans|south korean|south koreans
north korean|north koreans|sierra leonean|sierra leoneans|cape verdean|cape verdeans|cabo verdean|cabo verdeans|equatorial guinean|equatorial guineans
east timorese|hong konger|hong kongers|saudi arabian|saudi arabians|bosnian serb|bosnian serbs|french canadian|french canadians|marshall islander|marshall islanders
marshallese|solomon islander|solomon islanders|pacific islander|pacific islanders|torres strait islander|torres strait islanders|cook islander|cook islanders
st lucian|st lucians|saint lucian|saint lucians|papua new guinean|papua new guineans|trinidadian and tobagonian|central african|central africans|south sudanese
northern irish|native american|native americans|american indian|american indians|african american|african americans|asian american|asian americans
arab american|arab americans|mexican american|mexican americans|latin american|latin americans|alaska native|alaska natives|first nations|first nation|aboriginal australian
aboriginal australians|middle eastern|middle easterner|middle easterners|eastern european|eastern europeans|east asian|east asians|south asian|south asians|southeast asian
southeast asians|north african|north africans|west african|west africans|east african|east africans|black african|black africans|black american|black americans
person of colour|people of colour|person of color|people of color|man of colour|woman of colour|women of colour|men of colour|man of color|woman of color|women of color|men of color
mixed race|irish traveller|irish travellers|crimean tatar|crimean tatars|asylum seeker|asylum seekers|guest worker|guest workers|undocumented immigrant|undocumented immigrants
illegal immigrant|illegal immigrants|illegal alien|illegal aliens|migrant worker|migrant workers|boat people|displaced person|displaced people|displaced persons
trans woman|trans women|trans man|trans men|transgender woman|transgender women|transgender man|transgender men|non binary|gender fluid|two spirit|gender nonconforming
gender-nonconforming|drag queen|drag queens|drag king|drag kings|same sex
single mother|single mothers|single father|single fathers|single parent|single parents|single mum|single mums|single mom|single moms|unmarried mother|unmarried mothers|teenage mother|teenage mothers|teen mom|teen moms
working mother|working mothers|pregnant woman|pregnant women|divorced woman|divorced women|childless woman|childless women
senior citizen|senior citizens|old-age pensioner|old-age pensioners|old age pensioner|old age pensioners|baby boomer|baby boomers|old person|old people|old folks|elderly person
older person|older people|older adult|older adults|young person|young people|young adult|young adults|old man|old men|old woman|old women|young man|young men|young woman|young women|old lady|old ladies
older man|older men|older woman|older women|younger person|younger people|gen z|generation z|gen x|generation x|over-sixties|over-seventies|over-eighties|under-thirties|middle aged
wheelchair user|wheelchair users|wheelchair bound|hard of hearing|hearing impaired|visually impaired|vision impaired|partially sighted|mentally ill|mentally disabled|mentally handicapped
physically disabled|physically handicapped|intellectually disabled|learning disabled|developmentally disabled|chronically ill|cognitively impaired|speech impaired|sign language user
sign language users|sign-language user|sign-language users|guide dog user|guide dog users|guide-dog user|guide-dog users|guide dog owner|guide dog owners|cancer patient|cancer patients|cancer survivor|cancer survivors|stroke survivor|stroke survivors
burn survivor|burn survivors|blind person|deaf person|little person|little people|short-statured|special needs|special-needs|hiv positive|drug user|drug users
rough sleeper|rough sleepers|homeless person|homeless people|poor person|poor people|welfare recipient|welfare recipients|benefit claimant|benefit claimants|council tenant|council tenants
social housing tenant|social housing tenants|farm worker|farm workers|sex worker|sex workers|ex-convict|ex-convicts|former prisoner|former prisoners
plus-size|plus size|overweight person|overweight people|fat person|fat people|obese person|obese people
"""

CONDITIONS = """
down syndrome|down's syndrome|downs syndrome|autism|asperger's|aspergers|asperger syndrome|asperger's syndrome|adhd|epilepsy|diabetes|dementia|alzheimer's|alzheimers|alzheimer's disease|parkinson's|parkinsons|parkinson's disease
cerebral palsy|multiple sclerosis|ms|muscular dystrophy|cystic fibrosis|spina bifida|dwarfism|achondroplasia|albinism|vitiligo|psoriasis|eczema|asthma|hiv|aids|hepatitis|cancer|leukaemia|leukemia
schizophrenia|depression|anxiety|bipolar disorder|ptsd|ocd|tourette's|tourettes|tourette syndrome|tourette's syndrome|anorexia|bulimia|eating disorders|an eating disorder|a mental illness|mental illness|mental illnesses
mental health problems|learning disabilities|a learning disability|learning difficulties|learning disability|disabilities|a disability|disability|physical disabilities|a physical disability|intellectual disabilities|an intellectual disability
hearing loss|hearing aids|a hearing aid|low vision|sight loss|vision loss|visual impairments|a visual impairment|a hearing impairment|hearing impairments|impaired vision|impaired hearing|a stammer|a stutter|stammers|stutters|a speech impediment|speech impediments
a limp|a cleft lip|cleft lip|cleft lips|a prosthesis|prostheses|a prosthetic leg|prosthetic legs|prosthetic limbs|an artificial limb|artificial limbs|one leg|one arm|a wheelchair|wheelchairs|crutches|a white cane|a guide dog|dyslexia|dyspraxia|dyscalculia
narcolepsy|chronic pain|chronic fatigue|fibromyalgia|lupus|arthritis|sickle cell|sickle cell disease|haemophilia|hemophilia|leprosy|tuberculosis|obesity|special needs|brain injuries|a brain injury|spinal injuries|a spinal injury|paraplegia|quadriplegia|blindness|deafness
"""


def names(words: str) -> list[str]:
    """Words of a list."""
    return sorted(set(words.split()))


def phrases(lines: str) -> list[str]:
    """Phrases of a list, which stand between bars."""
    return sorted({phrase.strip() for phrase in re.split(r"[|\n]", lines) if phrase.strip()})


def held(entries: list[str], unseen: frozenset[str], taught: set[str]) -> list[str]:
    """Every HELD_SHARE-th entry that is not `taught` already, and those that the functional test keeps unseen."""
    found = []
    for entry in entries:
        words = set(re.findall(r"[^\W_]+(?:'[a-z]+)?", entry)) | {entry}
        digest = hashlib.blake2b(entry.removesuffix("s")[:6].encode(), digest_size=8).digest()
        drawn = int.from_bytes(digest, "big") % HELD_SHARE == 0 and not {entry, f"{entry}s"} & taught
        if drawn or (words | {f"{w}s" for w in words}) & unseen:
            found.append(entry)
    return found


def main() -> None:
    """Write the list."""
    tables = {
        "plural_in_s": names(IN_S), "as_they_are": names(AS_THEY_ARE), "phrases": phrases(PHRASES), "conditions": phrases(CONDITIONS),
    }  # fmt: skip
    every = {*tables["plural_in_s"], *(f"{name}s" for name in tables["plural_in_s"]), *tables["as_they_are"]}
    within = {word for table in ("phrases", "conditions") for name in tables[table] for word in parts(name)}
    slips = {form for word in (*every, *within, *PEOPLE_WORDS) for form in misspelt(word)}
    tables["ordinary"] = sorted(
        (slips & (shipped_encoder().tokenizer.get_vocab().keys() | {*NO_SLIPS})) - every
    )
    unseen, taught = unseen_words(), set(group_words())
    tables["held"] = sorted(
        {
            entry
            for name, table in tables.items()
            if name != "ordinary"
            for entry in held(table, unseen, taught)
        }
    )
    PATH.write_text(json.dumps(tables, indent=0, ensure_ascii=False) + "\n", encoding="utf-8")
    print({name: len(table) for name, table in tables.items()})


if __name__ == "__main__":
    main()
