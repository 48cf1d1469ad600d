// Package need knows by words when somebody speaks of great need, their own or another's,
// in English or Chinese: death by one's own hand, violence, poison, a heart, no breath, a
// fire. A model as small as the embedded one does not know it from a small trouble (see its
// card), and what is said then must be right.
//
// The signs are few and plain, so that a film, a game or a bad day is none. What they miss,
// the model answers, which seldom does it well: see Help.
package need

import (
	"regexp"
	"strings"
)

// sign is what great need is told by, but where unless is close by in the same sentence.
type sign struct{ says, unless *regexp.Regexp }

const (
	someone = `(?:i|we|he|she|they|my \w+|the baby|our \w+|somebody|someone|a friend|a man|a woman)`
	near    = `(?:(?:step ?)?(?:dad|father|mom|mum|mother)|daddy|mommy|mummy|husband|wife|boyfriend|girlfriend|partner|fianc[eé]e?|ex|uncle|aunt|brother|sister|grandpa|grandfather|parents|teacher|coach|my boss|bf|gf)`
	remedy  = `(?:pills?|tablets?|meds|medication|medicine|painkillers?|paracetamol|ibuprofen|aspirin|tylenol|xanax|antidepressants|insulin)`
	poison  = `(?:bleach|poison|detergent|antifreeze|drain cleaner|cleaning (?:fluid|stuff|product)s?|batter(?:y|ies)|coins?|magnets?|marbles?|rat poison|a (?:laundry|tide|dishwasher) (?:pod|tab)|nail polish remover|weed ?killer|mushrooms? from)`
)

// What tells talk of games and of programs, and of whom the body's signs are.
const (
	play   = `\b(?:game|gaming|map|round|lobby|spawn\w*|respawn\w*|sniper|headshot|wall(?:bang)?|through the|pvp|pve|npc|afk|lag\w*|enem(?:y|ies)|teammates?|match|wilderness|dungeon|raid|minecraft|roblox|fortnite|valorant|apex|dayz|rust|gta|cod|csgo|cs2?|among us|skyrim|dnd|d&d|boss (?:fight|battle)|server|bot|player|keeper|factory new|skin|film|movie|show|episode|scene|book|novel|series|song|lyrics|lol|lmao|haha\w*|laugh\w*|trivia|history|documentary|joke|loot\w*|medkit|tarkov|left 4 dead|crate|aggro|ranked|elo|jira|build|pit|combo|stream\w*)\b|[😂🤣💀]`
	person = `(?:he|she|they|somebody|someone|a man|a woman|grand\w+|gran|mom|mum|mother|dad|father|gf|bf|girlfriend|boyfriend|wife|husband|friend|kid|child|baby|son|daughter|brother|sister|bro|sis|uncle|aunt|neighbou?r|co-?worker|colleague|room ?m?ate|buddy|mate|bestie)`
)

var signs = []sign{
	of(`\b(?:want(?:s|ed)?|wanna|going|gonna|ready|plan(?:s|ning)?|have|trying|tried|try|decided|rather|about|think(?:s|ing)? (?:of|about)|thought (?:of|about)|wish i could|will|might|could)(?: to)?(?: just)? ?(?:kill(?:ing)? (?:my|him|her)self|end(?:ing)? (?:my|his|her|their) (?:own )?li(?:fe|ves)|end(?:ing)? it all|tak(?:e|ing) (?:my|his|her|their) own li(?:fe|ves)|hang(?:ing)? (?:my|him|her)self|unaliv(?:e|ing) (?:my|him|her)self|off(?:ing)? myself|cut(?:ting)? my (?:wrists?|veins?)|jump(?:ing)? (?:off|from) (?:a|the) (?:bridge|roof|building))`,
		`\b(?:among us|in (?:the|this|my) (?:game|book|film|movie|story|play|novel)|lol|lmao|haha|boss fight|minecraft|laugh\w*)\b`),
	of(`\b(?:i|he|she|they|friend|sister|brother|son|daughter|mom|mum|mother|dad|father|wife|husband) (?:really |just |only |always |keeps? saying )?(?:(?:i|he|she)(?:'d| would)? )?(?:wants?|wanna|would rather|rather|am ready|is ready|wished?)(?: to)? (?:just )?(?:die|be dead)\b`,
		`\b(?:of (?:laughter|embarrassment|boredom|shame|cringe)|from (?:embarrassment|cringe)|when i die|than|on (?:that|this) hill|every time|less|role)\b|`+play),
	of(`\bwish (?:i|he|she) (?:was|were) (?:dead|never born)\b|\b(?:better off|happier) (?:dead|if i (?:was|were) (?:dead|gone))\b|\b(?:i|he|she) (?:do ?n'?t|does ?n'?t|did ?n'?t|no longer) (?:really |even |just )?wan(?:t|ts|na)(?: to)? (?:live|be alive|exist)\b|\bno (?:reason|point|will) (?:to|in) (?:live|living|go on|going on)\b|\bwhat'?s the point (?:of|in) (?:living|going on|being alive)\b|\bcan'?t go on (?:living|any ?more|like this)\b|\btired of (?:living|being alive)\b`, `\b(?:live|exist) (?:in|with|without|at|near|there|here|next|under|forever)\b|\b(?:love|in) better off dead\b`),
	of(`\b(?:suicidal|self[- ]?harm(?:ing|s)?|committ?(?:ed|ing)? suicide|suicide (?:note|attempt)|suicide hotline|(?:thinking|thoughts|thought|talk(?:s|ing)?|dream(?:s|ing)?) (?:of|about) suicide|suicid\w* thoughts)\b`, `\b(?:suicide squad|film|movie|book|band|song|lyrics|socrates|hitler|cleopatra|romeo)\b`),
	of(`\b(?:cutting|harming|hurting|burning) myself\b|\b(?:cutting|harming) (?:her|him)self\b|\b(?:want|need|going|urge|like|keep|kept) (?:to )?(?:cut|harm|hurt|burn) myself\b`, `\bmyself (?:off|some|a|out|in|down|loose|with)\b|\b(?:shav\w+|cook\w*|knife while|kitchen|onions?|laugh\w*|gym|sport|football|trying to lift)\b`),
	of(`\b(?:i|i'?ve|i'?m|my \w+|(?:think|afraid|scared|sure) (?:he|she|they)|he'?s|she'?s|he|she|somebody|someone)(?: (?:just|have|has|may|might|is|am|maybe|probably|think|i|want to|going to))* overdos(?:e|ed|ing)\b`,
		`\b(?:sugar|cute\w*|coffee|chocolate|memes|died|dead|killed|singer|actor|actress|band|rapper|film|movie|show|episode|scene|character|years ago)\b`),
	of(`\b(?:took|taken|take|swallow(?:ed)?|ate|eaten|had)\b(?: (?:way|far|just|all|about|like|my|her|his))* (?:too (?:many|much)|a (?:lot|handful|whole (?:bottle|box|pack)|bottle|box|pack) of|all (?:of )?(?:my|the|his|her)|the whole (?:bottle|box|pack) of|[2-9]\d+|1\d\d)(?: of)?(?: (?:my|the|his|her|these|those|sleeping|strong|of))* `+remedy+`\b`, ``),
	of(`\b`+someone+` (?:just |may have |might have |has |have |accidentally |i think )*(?:swallow(?:ed)?|drank|drunk|drink|ate|eaten)\b(?: (?:some|a|an|the|my|of|bit|little|lot|half|whole|bottle))* `+poison+`\b`, `\b(?:in (?:the|a) (?:game|film|movie|story|book)|mario|super)\b`),
	of(`\b`+near+` (?:\w+ )?(?:hits?|beats?|kicks?|punche[sd]|slap(?:s|ped)|choke[sd]|strangle[sd]?|burn(?:s|ed)|abuse[sd]?|rape[sd]?|hurts?|threaten(?:s|ed))(?: (?:up|on))? (?:me|us|my (?:mom|mum|mother|sister|brother|dad|father|children|kids|son|daughter|baby))\b`,
		`\b(?:beats?|hits?|kicks?|punche[sd]) (?:me|us)(?: \w+)? (?:at|in|to|up with|with a (?:joke|pillow|snowball)|by|every (?:game|match|time we play))\b|\bhits me (?:up|that)\b|\b(?:chess|game|cards|checkers|scrabble|feelings?|by accident|for fun|playing)\b`),
	of(`\b(?:i was|i got|i'?ve been|i am being|i'?m being|i have been|(?:friend|sister|daughter|son|brother|mom|mum|girlfriend|wife|child|he|she) (?:was|got|has been|is being|'?s been)|(?:he|she)'s been) (?:just )?(?:raped|molested|sexually (?:abused|assaulted)|stabbed|shot|kidnapped|strangled)\b|\b(?:raped|molested|sexually (?:abused|assaulted)) me\b|\btouch(?:ed|es) me\b.{0,40}\b(?:did ?n'?t want|don'?t want|no|not ok(?:ay)?|private|down there|without)|\b(?:told me not to tell|our secret)\b.{0,40}\btouch`,
		`\b(?:in (?:the|a) (?:film|movie|show|episode|book)|jfk|kennedy|lennon|lincoln|president|in 1\d\d\d|music video)\b|\b(?:shot|stabbed) (?:in the back in|through|from|by (?:a|the)|twice|again|a (?:few|lot)|so)\b|`+play),
	of(`\b(?:has|have|got|holds|holding|with|pull(?:s|ed)) (?:a |his |her )(?:knife|gun)\b.{0,30}\b(?:at me|at us|on me|my (?:house|door|head|throat)|outside|wants to kill|threat)|\b(?:`+near+`|he|she|somebody|someone|a man|a guy) (?:\w+ )?(?:wants?|tried|threaten(?:s|ed|ing)?|said (?:he|she)(?: will|'ll)|says (?:he|she)(?: will|'ll)) (?:to )?(?:kill|shoot|stab) (?:me|my (?:mom|mum|mother|dad|father|sister|brother|kids|family))\b|\b(?:someone|somebody|a man|a stranger) (?:is )?(?:broke|breaking|break(?:s)?) in(?:to)? (?:my|our|the) (?:house|flat|apartment|home)\b`,
		play),
	of(`\b(?:can ?n?[o']?t|can not|hardly|barely|stopped|stops|not|isn'?t|is ?n'?t|unable to|struggl\w+ to) breath(?:e|ing)\b`, `\b(?:funny|hilarious|underwater|fish|cute|through my nose|excited|proof)\b|`+play),
	of(`\b(?:my|his|her) chest (?:really |so )?(?:hurts|is (?:so )?tight|feels tight)\b|\bchest pains?\b|\bpain in (?:my|his|her|the) chest\b|\b(?:having|has|it'?s|might be|may be|think it is|think it'?s|(?:mom|mum|mother|dad|father|grandma|grandpa|wife|husband|friend|boyfriend|girlfriend|son|daughter|neighbou?r) (?:just )?had) a (?:heart attack|stroke|seizure)\b|\ballergic (?:shock|reaction)\b.{0,40}\b(?:throat|breath|swell|swollen|now)|\b(?:my|his|her) throat is (?:closing|swelling)\b`,
		`\b(?:almost|nearly|gym|workout|last year|years ago|gave me|give me|stroke of|laugh\w*|haha|lol|character|film|movie|book)\b`),
	of(`\b`+person+`(?:'s| is| has| just)? (?:\w+ )?(?:collapsed|passed out|is unconscious|fainted|won'?t wake up|does ?n'?t wake up|is not waking up|is unresponsive|is not responding|is choking|is drowning|is bleeding (?:a lot|badly|heavily|so much|to death))\b|\b(?:won'?t|can'?t|does ?n'?t|not) stop (?:the )?bleeding\b|\bbleed(?:ing|s)? (?:a lot|badly|heavily|so much|to death)\b`,
		`\b(?:passed out (?:of|flyers|candy|sweets|papers|the|on (?:the|my) (?:sofa|couch))|drunk|after the party|from laughing|at the sight|\w+ gums|money|cash|lp|elo|hp|mana|points|gold|users|customers)\b|`+play),
	of(`\b(?:house|home|flat|apartment|kitchen|room|building|oven|garage) is (?:on fire|burning)\b|\bthere(?:'s| is) a fire (?:in|at) (?:my|our|the)\b|\bi (?:can )?smell gas\b|\bcarbon monoxide alarm\b`, `\b(?:game|minecraft|sims|film|movie|song|mixtape|party|fireplace)\b`),
	// What the body does, and is done to it.
	of(`\b`+person+`\b.{0,40}\b(?:turn(?:ing|ed) (?:blue|purple|gr[ea]y)|lips (?:are|r|look) (?:blue|purple|gr[ea]y)|gasping for|choking on|choked on|having (?:a|another|2|two) seizures?|(?:a|two|2|three) seizures?|convulsing|is(?:n'?t| not) (?:moving|responding|waking up|breathing)|not (?:moving|responding|waking up|breathing)|don'?t think (?:he|she|they)(?:'s| is| are|'re) breathing|has ?n'?t woken up|won'?t wake|no pulse|a pulse|anaphyla\w+|cough(?:ing|s|ed) (?:up )?(?:\w+ ){0,3}blood|vomit(?:ing|s|ed) blood|hit by a car)\b|\b(?:lips|tongue|throat|face) (?:is|are|r) (?:\w+ )?(?:swelling|swollen|huge)\b|\bstuck in (?:my|his|her) (?:\w+ )?throat\b|\bblood (?:is )?(?:pouring|everywhere|spurting|gushing)\b|\bblood'?s? (?:pouring|everywhere|spurting|gushing)\b`,
		`\b(?:choked on (?:stage|the (?:free|last|first|final)|mid|match)|could have|risk|warning|character|(?:my|the|our|his|her) (?:dog|cat|hamster)|years ago|last year|when i was|epilepsy|laptop|phone|pc|computer|app|mouse|cursor|printer|car (?:won|is)|text(?:s|ing)?|calls?|dms?|messages?|msgs?|pings?|discord)\b|`+play),
	of(`\b(?:face|mouth|side of (?:my|his|her) (?:face|body)|left side|right side|left arm)\b.{0,30}\b(?:droop\w*|hang(?:s|ing)|numb)\b|\bsudden(?:ly)? (?:confused|ca ?n'?t (?:see|talk|speak|walk|move))\b|\bca ?n'?t (?:talk|speak) (?:right|properly|any ?more)\b.{0,60}\b(?:face|mouth|arm|side)\b|\bslurr(?:ing|ed|s) (?:his|her|my) (?:words|speech)\b`,
		`\b(?:dentist|film|movie|game|slept on|drunk|wisdom)\b`),
	of(`\b(?:too much|overdid|a lot of|shot up) (?:heroin|fentanyl|coke|cocaine|xanax|ketamine|mdma|molly|meth|ecstasy|ghb)\b`, `\b(?:film|movie|show|song|rapper|breaking bad|history)\b`),
	of(`\b(?:took|taken|swallowed|popped|downed|ate)\b.{0,20}\b(?:a ton|tons|loads|a lot|lots|a bunch|a handful|handfuls|the whole|a whole|all|like [2-9]\d|[2-9]\d|1\d\d)\b.{0,25}\b`+remedy+`\b`, `\b(?:from the|in the|vitamins?|this (?:week|month|year)|game|prescribed|doctor (?:said|told))\b`),
	of(`\b(?:ate|eaten|eating|drank|drunk|swallow(?:ed|ing)|got into|licked|mixed)\b.{0,30}\b(?:laundry pods?|tide pods?|dishwasher tabs?|rat poison|antifreeze|bleach|drain cleaner|windex|button batter(?:y|ies))\b`, `\b(?:dog|cat|meme|challenge|hair|shirt|game|film|movie)\b`),
	of(`\b(?:any|no|a single) reason to (?:keep going|keep living|go on|live|stay alive|be here)\b|\b(?:good ?bye|farewell|suicide) (?:letters?|notes?)\b|\bgave away all (?:his|her|their|my) (?:stuff|things)\b|\b(?:shoot|hang|drown|stab) (?:my|him|her|them)sel(?:f|ves)\b|\bstanding on (?:the|a) (?:bridge|roof|ledge|edge)\b|\b(?:everyone|everybody|they|the world|family|kids?|you all|y'?all)\b.{0,30}\bbetter off without me\b|\b(?:nobody|no one|noone) would (?:even )?(?:notice|care|miss me|cry)\b.{0,20}\b(?:if i|when i)\b|\bdon'?t wan(?:t to|na) wake up\b|\bi(?:'ve| have|ve)? been cutting\b|\b(?:i|he|she|they) won'?t be (?:alive (?:tomorrow|any ?more|much longer)|here (?:any ?more|much longer))\b|\bcut(?:ting)? (?:myself|herself|himself) again\b`,
		`\b(?:game|film|movie|book|novel|song|lyrics|job|colleagues?|company|team|server|photo|view|onions?|vegetables?|shav\w+|tomorrow for|work|office|bitcoin|monday|alarm|school|bed|lol|lmao|haha)\b`),
	of(`\b(?:touches|touching|fondl\w+|gropes?|groped) (?:me|my (?:sister|brother|daughter|son))\b|\bforce[ds]? (?:him|her)self on (?:me|her|my)\b|\bmakes me (?:touch|do things|undress|take off)\b|\b(?:nudes|naked (?:pics?|photos?|pictures?)) of me\b|\b`+near+` (?:is |keeps |was |just )?(?:hitting|beating|choking|strangling|punching|kicking|hurting) (?:up )?(?:me|us|my (?:mom|mum|mother|dad|father|sister|brother|kids))\b`,
		`\b(?:touch(?:es|ing) me (?:deeply|so much|when i (?:hear|read))|song|film|movie|book|chess|game|cards|playing)\b`),
	of(`\b(?:caught|on|catches) fire\b.{0,30}\b(?:burn(?:ed|t|ing|s)|help|what do i|he|she|my)\b|\bsmoke (?:is |'s )?(?:coming|filling|pouring)\b|\b(?:bed|couch|sofa|curtains?|stove|carpet|roof) (?:is|are|just|'s) (?:burning|on fire|caught fire)\b|\b(?:strong )?smell of gas\b|\b(?:gas smell|smells (?:like|of) gas)\b|\bmixed bleach\b`,
		`\b(?:game|minecraft|sims|film|movie|song|mixtape|album|sale|market|timeline|chat is|team is|stomach|beans)\b`),
	of(`\b(?:(?:my|his|her|\w+'s) chest|chest feels)\b.{0,40}\b(?:elephant|crushing|squeez\w+|pressure|tight|hurts|pain|numb)\b|\b(?:grabb(?:ed|ing)|grabs|clutch(?:ed|ing|es)) (?:his|her|my) chest\b|\bca ?n'?t get (?:any |enough )?air\b|\basthma attack\b|\b(?:out of|without|ca ?n'?t find) (?:my |his |her |the |an )?inhaler\b|\binhaler(?:'s| is) (?:empty|gone|not)|\binhaler (?:is ?n'?t|is not|does ?n'?t|stopped) (?:work\w*|help\w*)\b|\b(?:foam(?:ing)?|froth\w*) (?:in|at|from) (?:his|her|the|my) mouth\b|\beyes rolled back\b|\bjerking all over\b|\b(?:speech|words|voice) (?:is|are|was|got) (?:all )?slurred\b|\btalking gibberish\b.{0,60}\b(?:face|arm|side|mouth)\b|\bca ?n'?t (?:lift|raise|move|feel) (?:his|her|my) (?:\w+ )?(?:arm|leg|side|legs)\b|\b(?:grand\w+|gran|mom|mum|dad|mother|father|wife|husband|son|daughter|baby|kid|child|brother|sister|friend|boyfriend|girlfriend|neighbou?r|co-?worker|colleague|room ?mate|somebody|someone|stranger|a man|a woman)\b.{0,60}\bunconc?s?c?ious\b|\b(?:blood|bleeding|it) (?:wo ?n'?t|does ?n'?t|is ?n'?t|not) stop(?:ping)?\b.{0,30}\b(?:blood|bleed\w*)\b|\b(?:the )?blood wo ?n'?t stop\b|\bstill bleeding\b|\bcarbon monoxide\b|\bco (?:detector|alarm)\b.{0,30}\b(?:beep\w*|going off|went off|ringing)\b|\bgas (?:leak|pipe broke)\b`,
		`\b(?:game|film|movie|show|episode|book|novel|song|gym|bench|workout|last year|years ago|when i was|as a kid|battery|market|sales|nose ?bleed|gums|minecraft|cat|dog|hiccups|lol|lmao|haha|laugh\w*|history|trivia|which|sub ?conscious\w*|bias)\b`),
	of(`\b(?:point|pull|show|wav|aim)(?:ed|ing|s|es)? (?:me )?(?:a|his|her) (?:gun|knife|pistol|rifle) (?:on|at|to|and (?:said|says)|in (?:his|her) (?:bag|backpack|pocket|car|locker))\b|\b(?:man|guy|someone|somebody|stranger|car) (?:is |keeps |has been )?following (?:me|us|my)\b|\b(?:outside|at) my (?:door|house|window|apartment)\b.{0,50}\b(?:kill|bat|knife|gun|scream\w*|bang\w*|threat\w*|let (?:him|her) in)\b|\b(?:hear|heard|there'?s|is) (?:someone|somebody|a man|footsteps) (?:downstairs|in (?:my|the|our) (?:house|flat|apartment|kitchen)|breaking in(?:to)? my)\b|\bsmashed (?:the|my|our) window\b.{0,40}|\bshooting (?:in|at) (?:the|my|our) (?:mall|school|store|street|building|church)\b|\bshooter\b.{0,30}\b(?:in|at) (?:the|my|our) (?:mall|school|store|building|church)\b|\b(?:broke|fractured) my (?:arm|nose|ribs?|jaw|wrist|finger)\b.{0,60}\b(?:he|she|him|her|dad|husband|boyfriend|next time)\b|\b(?:he|she|dad|husband|boyfriend) (?:broke|fractured) my (?:arm|nose|ribs?|jaw)\b|\block(?:s|ed) me in\b.{0,40}\b(?:room|keys?|phone|leave|hits?)\b|\b(?:gets|climbs|comes|came|got) (?:in(?:to)? )?my bed\b|\bmolest\w*\b|\b(?:hits?|beats?|whips?) my (?:little |lil |baby |big |younger |older )?(?:sister|brother|sis|bro|mom|mum|kids?|son|daughter)\b`,
		`\b(?:instagram|twitter|insta|tiktok|twitch|cat|dog|kitten|puppy|(?:beats?|hits?) (?:my|me) (?:\w+ )?(?:\w+ )?(?:at|in|to)|tennis|skiing|snowboard\w*|skat\w+|football|soccer|chess|cards|news said)\b|`+play),
	of(`\b(?:end|ending) it (?:tonight|today|now|soon|for good)\b|\b(?:go to sleep|fall asleep|close my eyes) and (?:never|not) wake up\b|\bnever wake up(?: again)?\b|\bthis (?:is|was) (?:my|his|her|their) last message\b|\b(?:said|saying|say) (?:good ?)?bye (?:to|forever)\b.{0,40}\b(?:everyone|forever|scared|tonight|life)\b`,
		`\b(?:game|film|movie|song|book|server|meeting|relationship|stream|job|colleagues?|class|school trip|vacation|alarm|weekend|coma patient|lol|haha)\b`),
	of(`\b(?:ate|eaten|eating|swallow\w*|drank|drunk)\b.{0,30}\b(?:wild mushrooms?|drain cleaner|coins?|magnets?|batter(?:y|ies)|cleaner|poison\w*|lamp oil|gasoline|petrol)\b|\binsulin\b.{0,40}\b(?:too much|double[ds]?|twice|three times|times over|overdose)\b|\b(?:doubled|tripled|took twice) my (?:insulin|dose|meds|medication)\b`,
		`\b(?:game|mario|film|movie|recipe|cook\w*|dog|cat|coin (?:flip|toss)|book|story|arcade|vending|machine|slot|trivia|which|what (?:year|happens))\b`),
	of(`想死|不想活|想自杀|要自杀|打算自杀|自杀了|想轻生|割腕|结束(?:自己的|我的)?生命|活不下去|吞了.{0,6}药|吃了.{0,6}(?:一整瓶|太多|整瓶).{0,4}药|(?:爸|妈|老公|丈夫|老婆|男朋友|女朋友|父亲|母亲|他|她).{0,3}(?:打我|家暴|强奸)|被(?:强奸|性侵|家暴)|喘不(?:过气|上气)|胸口(?:很|好)?痛|昏迷了|晕倒了|晕过去了|着火了|服毒|打我(?:妈|爸|弟|妹|姐|哥)|撬.{0,6}门|(?:煤气|燃气|天然气)(?:味|泄漏)|嘴歪|没有?呼吸了?|不呼吸|流了?(?:好多|很多)血|大出血|抽搐|噎住|卡在.{0,4}喉|脸.{0,3}(?:紫|青)`, `笑死|电影|游戏|小说|歌|想死(?:我|你|记|机|了你)|打我(?:的)?(?:电话|手机|微信)|服务器|撬棍`),
}

func of(says, unless string) sign {
	s := sign{says: regexp.MustCompile(says)}
	if unless != "" {
		s.unless = regexp.MustCompile(unless)
	}
	return s
}

// In reports whether a message speaks of great need. What stands in code or is quoted is not
// looked at.
func In(text string) bool {
	text = plain(aside.ReplaceAllString(text, "\n"))
	for _, sentence := range sentences.Split(text, -1) {
		for _, s := range signs {
			if s.in(sentence) {
				return true
			}
		}
	}
	return false
}

// nearby is how far from a sign, in bytes, that counts which makes it none.
const nearby = 40

func (s *sign) in(sentence string) bool {
	at := s.says.FindStringIndex(sentence)
	return at != nil && (s.unless == nil || !s.unless.MatchString(sentence[max(0, at[0]-nearby):min(len(sentence), at[1]+nearby)]))
}

var (
	aside     = regexp.MustCompile("(?s)```.*?(?:```|$)|`[^`\\n]*`|(?m:^> .*$)")
	sentences = regexp.MustCompile(`[.!?;\n。！？；]+`)
)

var blanks = regexp.MustCompile(`[^\S\n]+`)

// bare are words as they are typed without their apostrophe.
var bare = regexp.MustCompile(`\b(?:(can|won|don|doesn|didn|isn|aren|wasn|hasn|haven|couldn|wouldn)t|(he|she|there|somebody|someone|mom|mum|dad|grandma|grandpa)s|(i)m|(i)ve)\b`)

// plain is a text as the signs have it: small letters, straight apostrophes, one blank.
func plain(text string) string {
	text = strings.NewReplacer("’", "'", "‘", "'", "`", "'").Replace(strings.ToLower(text))
	return bare.ReplaceAllStringFunc(blanks.ReplaceAllString(text, " "), func(w string) string {
		end := len(w) - 1
		if strings.HasSuffix(w, "ve") {
			end--
		}
		return w[:end] + "'" + w[end:]
	})
}

var help = regexp.MustCompile(`\b(?:crisis line|emergency (?:line|number)|helpline|the police|get help (?:now|right now|from)|somebody you trust|someone you trust|nobody may do that|an ambulance|call (?:112|911|999))\b`)

// Help reports whether an answer sends somebody for help.
func Help(answer string) bool { return help.MatchString(plain(answer)) }
