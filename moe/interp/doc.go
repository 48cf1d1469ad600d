// Package interp looks inside a model: what its layers, heads, experts and neurons
// do. Each instrument returns data, says in a sentence what is seen with counts and
// 95 % intervals, and sets beside it what a null model shows: the same measure where
// there is nothing to see (shuffled, random or untrained). A Report has that
// sentence, tables and pictures. Everything works through the hooks of moe/model, so
// a model that nobody looks into pays nothing. Corpora are read a document at a time and
// summed up as they come, so a model that fits in memory can be looked into with
// whatever text there is; but Experts, and with it History, keeps the routing of every
// token, which its shuffles need: 8 bytes for each layer with a router and 40 more.
//
// A Lab is for one goroutine; all work honours the context it is given. Layers,
// heads, experts, neurons and positions count from 0. What a number means that is
// outside the model's range, a *RangeError says.
//
// The instruments:
//
//   - Chain: each token of a text with its probability, the alternatives, entropy and
//     surprise in bits, at several temperatures, and where two continuations were as
//     good as equal. Null model: the same tokens in random order.
//   - Lens: what each layer would say if it were the last (the logit lens). Null
//     model: the layer read at another position.
//   - Experts: load, co-activation, entropy, favourite tokens, the domain and
//     vocabulary specialisation and saturation of the OLMoE paper, and the mutual
//     information of experts with token class, part of speech, position and topic; null
//     model: routing shuffled among the tokens. ExpertLoss: nats per token with one
//     expert silenced, routing at random, or another number of experts a token.
//   - Attention: each head's share of attention for the token before, the first, the
//     same token earlier and, in repeated random sequences, what followed last time;
//     null model: even attention. Recall and Agreement measure reach: the loss of a
//     sequence that was shown some way back, against one that was not, and the number of
//     a verb, words away from its subject, against one half.
//   - Neurons, Neuron: dead neurons and sparsity of each expert, against normal noise;
//     where in a corpus one neuron is strongest, against places drawn at random, and
//     what it adds to the logits, against random directions. Concept: the neurons that
//     tell the sentences of a concept from others, with a permutation test over all.
//   - Embed: nearest neighbours in the token table, against rows of drawn elements;
//     principal components, against shuffled elements; a t-SNE map; analogies, against
//     the third word alone; how many neighbours each layer keeps, against chance.
//   - Similarity: linear CKA and RSA between the layers of one model or two, against
//     shuffled places; how far each layer tells topics apart, against shuffled topics.
//   - Probe: what a linear probe (logistic regression, penalty chosen on texts held
//     back) reads from each layer: question, tense, number, topic, position, speaker.
//     Accuracy is on groups of texts it did not learn from; null models: the embedding
//     of the same last word, and labels shuffled among the texts.
//   - Circuit: for pairs of prompts that differ in what decides between two answers, the
//     effect of each place of the stream, head and expert when patched from one pass
//     into the other, against parts from random tokens; what each adds to the logits by
//     itself; the smallest set of parts that keeps the behaviour, searched greedily,
//     against as many drawn at random.
//   - Steer: the edits of moe/model/steer (heads, experts and neurons scaled, experts
//     forced or forbidden, directions added or scaled), and replies side by side; null
//     model: edits of the same kind and strength drawn at random. Direction finds
//     directions: a difference of means or a probe's.
//   - History: loss, agreement, heads, specialisation, saturation and CKA over the
//     checkpoints of a training or any row of models; null model: a network with the
//     same weights in random places (Shuffled).
//
// Page joins the reports of several instruments into one HTML file.
package interp
