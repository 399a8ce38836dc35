//! Frequent English words and letter pairs, for tokenizers whose tokens are longer than a byte.

/// Words, the frequent first.
pub(super) const WORDS: &str = "the of and to in is that for it as with was on be by at this are from or have an not \
    which you can will has one their more when what about your all but they we its use how each any other there were if time \
    into these some than then two also may such only new first between out so up been most over many after would them do \
    because both system model data language memory computer large small number work make made information example process \
    different using used based between through where while during before should could like just even well very much \
    good people world life years year day way part place case point state group problem fact hand high long little old \
    great right same own under last never next early young important few public bad able question answer write explain \
    describe summary technical creative story short give list step method result value function code program text word \
    sentence paragraph letter machine learning network training inference token context window attention layer weight \
    parameter vector matrix speed performance benchmark measure test run time rate second minute hour latency throughput \
    processor hardware software cache bandwidth device local server client request response user interface design \
    structure order form level line name kind sort set type change increase reduce improve compare include require provide \
    support allow need want know think see look find help show tell say ask try start stop begin end open close read \
    keep hold move turn play bring build create develop follow lead learn understand mean become remain consider appear \
    science research theory study history nature energy light water earth sky sea mountain river forest city house room \
    door road car food money power government country nation law right war peace love hope fear dream night morning \
    evening spring summer autumn winter white black red green blue color sound music song voice silence heart mind soul \
    body face eye hand child children man woman men women mother father family friend teacher student doctor captain \
    ship island village king queen garden tree flower bird horse dog cat stone fire wind rain snow sun moon star shadow \
    capability reasoning knowledge generation translation summarization conversation assistant analysis application \
    algorithm architecture transformer quantization precision accuracy quality probability distribution temperature \
    sampling prompt output input sequence embedding gradient optimization neural deep artificial intelligence natural \
    however therefore although another without within against among often usually together always sometimes perhaps \
    almost enough rather quite really still again once here now today later soon already yet ever since until upon";

/// Letter pairs and endings that join what is left of a word, the frequent first.
pub(super) const PAIRS: &str = "th he in er an re on at en nd ti es or te of ed is it al ar st nt to ng se ha as ou io le \
    ve co me de hi ri ro ic ne ea ra ce li ch ll be ma si om ur ca el ta la ns di fo ho pe ec pr no ct us ac ot il tr ly nc \
    et ut ss so rs un lo wa ge ie wh ee wi em ad ol rt po we na ul ni ts mo ow pa im mi ai sh ir su id os iv ia am fi ci vi \
    pl ig tu ev ld ry mp fe bl ab gh ty op wo sa ay ex ke fr oo av ag if ap gr od bo sp rd do uc bu ei ov by rm ep tt oc fa \
    ef cu rn sc gi da yo cr cl du ga qu ue ff ba ey ls va um pp ua up lu go ht ru ug ds lt pi rc rr eg au ck ew mu br bi pt \
    ak pu ui rg ib tl ny ki rk ys ob mm fu ph og ms ye ud mb ip ub oi rl gu dr hr cc tw ft wn nu af hu nn eo vo rv nf xp gn";

/// Syllables of made-up words, which fill a vocabulary up to its true size.
const CONSONANTS: &[u8; 16] = b"bdfghjklmnprstvz";
const VOWELS: &[u8; 5] = b"aeiou";

/// The made-up word with this number: at least three syllables, different for every number.
pub(super) fn made_up(number: usize) -> String {
    const SYLLABLES: usize = CONSONANTS.len() * VOWELS.len();
    let mut word = String::new();
    let mut left = number;
    while left > 0 || word.len() < 6 {
        let syllable = left % SYLLABLES;
        word.push(char::from(CONSONANTS[syllable / VOWELS.len()]));
        word.push(char::from(VOWELS[syllable % VOWELS.len()]));
        left /= SYLLABLES;
    }
    word
}
