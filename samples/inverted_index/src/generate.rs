//! Makes documents, the same again each time.

use tinderbox::{Context, Random, Result};

const LINES: u64 = 20;
const WORDS_A_LINE: usize = 10;

/// What texts are made of.
const STEMS: &str = "the of and to in a is that for it was on are as with his they at be this from have or by one had not \
    but what all were when we there can an your which their said if do will each about how up out them then she many some so \
    these would other into has more her two like him see time could no make than first been its who now people my made over \
    did down only way find use may water long little very after words called just where most know get through back much \
    good new write our me man too any day same right look think also around another came come work three word must because \
    does part even place well such here take why help put different away again off went old number great tell men say small \
    every found still between name should home big give air line set own under read last never us left end along while \
    might next sound below saw something thought both few those always show large often together asked house world going want";

/// Writes so many documents, each a file.
pub fn documents(cx: &Context, documents: u32, folder: &str) -> Result<()> {
    let stems: Vec<&str> = STEMS.split_whitespace().collect();
    cx.range_in(0..u64::from(documents) * LINES, documents)
        .map(|line| sentence(line, &stems))
        .save_as_text_file(folder)
}

fn sentence(line: u64, stems: &[&str]) -> String {
    let mut random = Random::of_partition(line, 0);
    let words: Vec<String> = (0..WORDS_A_LINE)
        .map(|_| word(&mut random, stems))
        .collect();
    words.join(" ") + "."
}

/// A stem, or two in one.
fn word(random: &mut Random, stems: &[&str]) -> String {
    let mut word = stem(random, stems).to_owned();
    if random.next_u64().is_multiple_of(4) {
        word += stem(random, stems);
    }
    word
}

/// Of a choice of stems the first come most.
fn stem<'s>(random: &mut Random, stems: &[&'s str]) -> &'s str {
    stems[(random.next_f64().powi(2) * stems.len() as f64) as usize]
}
