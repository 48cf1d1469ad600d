package tokenizer

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// family is a pre-tokenizer, of which several names may be in use.
type family int

const (
	unknownFamily family = iota
	gpt2Family
	llama3Family      // words that are tokens are not merged
	llama3MergeFamily // the same without that
	qwen2Family
	starcoderFamily
	deepseekLLMFamily
	deepseekCoderFamily
	deepseekV3Family
	gpt4oFamily
	tekkenFamily // words that are tokens are not merged
	falconFamily
	bloomFamily
	vikingFamily
	seedCoderFamily
	miniCPMFamily // words that are tokens are not merged
	kimiFamily
	youtuFamily // words that are tokens are not merged
	defaultFamily
)

// preFamily knows the names that llama.cpp knows for the pre-tokenizers of this package.
func preFamily(pre string) family {
	switch pre {
	case "gpt-2", "gpt2", "phi-2", "mpt", "olmo", "jais", "trillion", "granite-docling", "gigachat", "a.x-4.0", "mellum", "exaone4":
		return gpt2Family
	case "llama-bpe", "llama3", "llama-v3", "falcon3", "falcon-h1", "pixtral", "midm-2.0", "lfm2", "jina-v5-nano":
		return llama3Family
	case "dbrx", "smaug-bpe", "chatglm-bpe", "glm4":
		return llama3MergeFamily
	case "qwen2", "deepseek-r1-qwen", "megrez", "kormo", "f2llmv2", "stablelm2", "hunyuan", "solar-open", "grok-2", "bailingmoe", "bailingmoe2", "llada-moe":
		return qwen2Family
	case "starcoder", "refact", "command-r", "smollm", "codeshell", "exaone", "minerva-7b", "mellum2":
		return starcoderFamily
	case "deepseek-llm":
		return deepseekLLMFamily
	case "deepseek-coder":
		return deepseekCoderFamily
	case "deepseek-v3", "hunyuan-dense", "joyai-llm":
		return deepseekV3Family
	case "gpt-4o", "llama4", "kanana2", "talkie", "minimax-m2":
		return gpt4oFamily
	case "tekken":
		return tekkenFamily
	case "falcon":
		return falconFamily
	case "bloom", "poro-chat", "gpt3-finnish":
		return bloomFamily
	case "viking":
		return vikingFamily
	case "seed-coder":
		return seedCoderFamily
	case "minicpm5":
		return miniCPMFamily
	case "kimi-k2":
		return kimiFamily
	case "youtu":
		return youtuFamily
	case "default":
		return defaultFamily
	}
	return unknownFamily
}

// keepsWords reports whether words that are tokens are not merged.
func keepsWords(pre string) bool {
	switch preFamily(pre) {
	case llama3Family, tekkenFamily, miniCPMFamily, youtuFamily:
		return true
	}
	return false
}

// addsBOS reports whether vocabularies add BOS if they do not say whether they do.
func addsBOS(pre string) bool {
	f := preFamily(pre)
	return f == llama3Family || f == tekkenFamily
}

// splitterFor finds a pre-tokenizer by the name in tokenizer.ggml.pre.
func splitterFor(pre string) (splitter, error) {
	switch preFamily(pre) {
	case gpt2Family:
		return words(scanGPT2), nil
	case llama3Family, llama3MergeFamily:
		return words(func(s string, i int) int { return scanLlama3(s, i, 3, true) }), nil
	case qwen2Family:
		return words(func(s string, i int) int { return scanLlama3(s, i, 1, true) }), nil
	case starcoderFamily:
		return stages{each(isNumber), always(scanGPT2)}.split, nil
	case deepseekLLMFamily:
		return stages{each(isBreakRune), blankAnd(isDeepseekLetter), blankAnd(isDeepseekPunct), trailingSpace, runs(isDeepseekCJK), runs(isNumber)}.split, nil
	case deepseekCoderFamily:
		return stages{each(isBreakRune), blankAnd(isLetter), blankAnd(isPunct), runs(isDeepseekCJK), each(isNumber)}.split, nil
	case deepseekV3Family:
		return stages{upToThree, runs(isKanaOrHan), deepseekV3Word}.split, nil
	case gpt4oFamily:
		return words(func(s string, i int) int { return scanCased(s, i, 3, true) }), nil
	case tekkenFamily:
		return words(func(s string, i int) int { return scanCased(s, i, 1, false) }), nil
	case falconFamily:
		return stages{runs(isFalconPunct), always(scanGPT2), threeDigits}.split, nil
	case bloomFamily:
		return stages{spaceAnd(isBloomWord)}.split, nil
	case vikingFamily:
		return stages{spaceAnd(isBloomWord), each(isNumber)}.split, nil
	case seedCoderFamily:
		return words(func(s string, i int) int { return scanLlama3(s, i, 1, false) }), nil
	case miniCPMFamily:
		return stages{upToThree, always(func(s string, i int) int { return scanLlama3(s, i, 3, true) })}.split, nil
	case kimiFamily:
		return words(scanKimi), nil
	case youtuFamily:
		return stages{eastAsian, always(scanYoutu)}.split, nil
	case defaultFamily:
		return stages{runs(isDefaultPunct), always(scanGPT2), runs(isNumber), threeDigits}.split, nil
	}
	return nil, &UnsupportedError{fmt.Sprintf("pre-tokenizer %q is not supported, only those of GPT-2, GPT-4o, Llama 3, Qwen 2, StarCoder, Falcon, Bloom, Viking, Mistral's Tekken, Seed-Coder, MiniCPM 5, Kimi K2, Youtu and DeepSeek (gpt-2, gpt-4o, llama-bpe, qwen2, starcoder, falcon, bloom, viking, tekken, seed-coder, minicpm5, kimi-k2, youtu, deepseek-llm, deepseek-coder, deepseek-v3), by their several names", pre)}
}

// SplitFunc returns the function that calls emit for each word (pre-token) of a text.
// Invalid UTF-8 is split as U+FFFD but emitted as it is. The function is safe for
// concurrent use.
func SplitFunc(pre string) (func(text string, emit func(string)), error) {
	s, err := splitterFor(pre)
	if err != nil {
		return nil, err
	}
	return s, nil
}

// stages are regular expressions applied one after the other: each cuts its matches
// out of the pieces that the one before has left, matches and rests alike.
type stages []matcher

// matcher returns the bounds of the first match in s[i:], or len(s) twice. Matches
// are never empty.
type matcher func(s string, i int) (from, to int)

func (st stages) split(text string, emit func(string)) {
	if text == "" {
		return
	}
	if len(st) == 0 {
		emit(text)
		return
	}
	for i := 0; i < len(text); {
		from, to := st[0](text, i)
		st[1:].split(text[i:from], emit)
		st[1:].split(text[from:to], emit)
		i = to
	}
}

// always matches what a scanner scans.
func always(scan scanner) matcher {
	return func(s string, i int) (int, int) { return i, scan(s, i) }
}

// each matches single characters of a kind.
func each(is func(rune) bool) matcher {
	return func(s string, i int) (int, int) {
		for i < len(s) {
			r, n := utf8.DecodeRuneInString(s[i:])
			if is(r) {
				return i, i + n
			}
			i += n
		}
		return len(s), len(s)
	}
}

// runs matches one or more characters of a kind.
func runs(is func(rune) bool) matcher {
	first := each(is)
	return func(s string, i int) (int, int) {
		from, to := first(s, i)
		return from, runOf(s, to, is)
	}
}

// blankAnd matches one or more characters of a kind, and a space character before
// them: \s?[...]+
func blankAnd(is func(rune) bool) matcher {
	return func(s string, i int) (int, int) {
		for i < len(s) {
			r, n := utf8.DecodeRuneInString(s[i:])
			if is(r) {
				return i, runOf(s, i+n, is)
			}
			if isSpace(r) && i+n < len(s) {
				if r, m := utf8.DecodeRuneInString(s[i+n:]); is(r) {
					return i, runOf(s, i+n+m, is)
				}
			}
			i += n
		}
		return len(s), len(s)
	}
}

// spaceAnd matches one or more characters of a kind, and a blank before them: " "?[...]+
func spaceAnd(is func(rune) bool) matcher {
	return func(s string, i int) (int, int) {
		for i < len(s) {
			r, n := utf8.DecodeRuneInString(s[i:])
			if is(r) {
				return i, runOf(s, i+n, is)
			}
			if next, m := utf8.DecodeRuneInString(s[i+n:]); r == ' ' && i+n < len(s) && is(next) {
				return i, runOf(s, i+n+m, is)
			}
			i += n
		}
		return len(s), len(s)
	}
}

// trailingSpace matches \s+$
func trailingSpace(s string, i int) (int, int) {
	from := len(s)
	for from > i {
		r, n := utf8.DecodeLastRuneInString(s[i:from])
		if !isSpace(r) {
			break
		}
		from -= n
	}
	return from, len(s)
}

// upToThree matches \p{N}{1,3}
func upToThree(s string, i int) (from, to int) {
	from, to = each(isNumber)(s, i)
	for range 2 {
		if r, n := utf8.DecodeRuneInString(s[to:]); isNumber(r) {
			to += n
		}
	}
	return from, to
}

// threeDigits matches [0-9][0-9][0-9]
func threeDigits(s string, i int) (int, int) {
	digit := func(b byte) bool { return b >= '0' && b <= '9' }
	for ; i+2 < len(s); i++ {
		if digit(s[i]) && digit(s[i+1]) && digit(s[i+2]) {
			return i, i + 3
		}
	}
	return len(s), len(s)
}

func runOf(s string, i int, is func(rune) bool) int {
	for i < len(s) {
		r, n := utf8.DecodeRuneInString(s[i:])
		if !is(r) {
			break
		}
		i += n
	}
	return i
}

func isBreakRune(r rune) bool { return r == '\r' || r == '\n' }
func isLetter(r rune) bool    { return classify(r) == letter }
func isNumber(r rune) bool    { return classify(r) == number }
func isSpace(r rune) bool     { return classify(r) == space }
func isPunct(r rune) bool     { return unicode.IsPunct(r) }

// isDefaultPunct is [\p{P}\$\+<=>\^~\|]
func isDefaultPunct(r rune) bool {
	switch r {
	case '$', '+', '<', '=', '>', '^', '~', '|':
		return true
	}
	return unicode.IsPunct(r)
}

// isFalconPunct is [\p{P}\$\+<=>\^~\|`]
func isFalconPunct(r rune) bool { return r == '`' || isDefaultPunct(r) }

// isBloomWord is [^(\s|.,!?…。，、।۔،)]
func isBloomWord(r rune) bool {
	return !isSpace(r) && !strings.ContainsRune("(|.,!?…。，、।۔،)", r)
}
