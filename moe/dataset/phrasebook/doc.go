// Package phrasebook writes conversations from a grammar made by hand: what people
// say to a small chat bot, in many wordings, and what it answers. A model of a few
// million parameters learns the answers of a phrasebook, its wordings and how talk
// goes on, where a few thousand conversations written one by one are learnt by
// heart.
//
// A book is a text file:
//
//	# a comment
//	list pet: cat | dog | hamster
//	table country(capital, language): France, Paris, French | Japan, Tokyo, Japanese
//	made pet-name: (Ba|Ko|Li)(ra|mo|nu)(|s)
//	style pirate: You talk like a pirate. | Talk like a pirate.
//
//	intent pet-owner
//	  start 2
//	  u i have a (very old|young|) <pet> | my <pet> is asleep
//	  m A <pet>(, <name>)! What is your <pet> called?
//	  m@pirate Arr, a <pet>! What be its name?
//	  next pet-name 3, pet-trouble
//
// Lines u are the person's words and lines m the bot's; each line and each part of it
// between bars is one alternative. (a|b) is a choice and (a) means (a|). <pet> is
// an entry of a list, the same one along next; <pet2> is another one of it;
// <country.capital> is a column of the row that <country> stands for. <pet-name> is
// written anew in every conversation and then stays, so that what was said can be
// said again though no list has it; it may use lists that stand above it. <name> is the
// speaker's name; a group with it is left out where the speaker has none. start is
// the weight of an intent as a new topic, 1 without the line; next lists what the
// person may say afterwards. m@STYLE lines replace m in conversations whose
// system prompt asks for that style.
//
// Books are values that do not change; a Writer is for one goroutine.
package phrasebook
