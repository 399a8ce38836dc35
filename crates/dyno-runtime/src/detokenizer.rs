//! Token bytes → text, as it becomes complete.

/// Joins the bytes of successive tokens and hands out text only at character borders.
///
/// Everything pushed, plus [`finish`](Self::finish), equals `String::from_utf8_lossy` of all bytes together: invalid
/// bytes become U+FFFD, and so does a character that never got complete.
#[derive(Debug, Clone, Default)]
pub struct Detokenizer {
    /// Start of a character whose remaining bytes have not come yet; at most 3 bytes between calls.
    pending: Vec<u8>,
}

impl Detokenizer {
    /// Takes the bytes of one token; returns the text that is complete now.
    pub fn push(&mut self, bytes: &[u8]) -> String {
        self.pending.extend_from_slice(bytes);
        let mut text = String::with_capacity(self.pending.len());
        let mut taken = 0;
        while taken < self.pending.len() {
            let rest = &self.pending[taken..];
            let error = match std::str::from_utf8(rest) {
                Ok(valid) => {
                    text.push_str(valid);
                    taken = self.pending.len();
                    break;
                }
                Err(error) => error,
            };
            text.push_str(std::str::from_utf8(&rest[..error.valid_up_to()]).expect("checked just now"));
            taken += error.valid_up_to();
            let Some(invalid) = error.error_len() else { break };
            text.push(char::REPLACEMENT_CHARACTER);
            taken += invalid;
        }
        self.pending.drain(..taken);
        text
    }

    /// Ends the text; an incomplete character becomes U+FFFD.
    pub fn finish(&mut self) -> String {
        let text = String::from_utf8_lossy(&self.pending).into_owned();
        self.pending.clear();
        text
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_character_split_over_tokens_comes_out_whole() {
        let mut detokenizer = Detokenizer::default();
        let bytes = "€".as_bytes();
        assert_eq!(detokenizer.push(&bytes[..1]), "");
        assert_eq!(detokenizer.push(&bytes[1..2]), "");
        assert_eq!(detokenizer.push(&bytes[2..]), "€");
        assert_eq!(detokenizer.finish(), "");
    }

    #[test]
    fn an_incomplete_tail_becomes_one_replacement_character() {
        let mut detokenizer = Detokenizer::default();
        assert_eq!(detokenizer.push(b"a\xF0\x9F\x98"), "a");
        assert_eq!(detokenizer.finish(), "\u{FFFD}");
    }

    proptest! {
        #[test]
        fn any_cut_of_any_bytes_equals_the_lossy_reading_of_all(
            tokens in prop::collection::vec(
                prop_oneof![
                    prop::collection::vec(any::<u8>(), 0..5),
                    "[aé€😀]{0,3}".prop_map(String::into_bytes),
                    prop::sample::select(vec![vec![0xE2], vec![0x82], vec![0xAC], vec![0xF0, 0x9F], vec![0x98, 0x80]]),
                ],
                0..12,
            )
        ) {
            let mut detokenizer = Detokenizer::default();
            let mut text = String::new();
            for token in &tokens {
                text.push_str(&detokenizer.push(token));
            }
            text.push_str(&detokenizer.finish());
            prop_assert_eq!(text, String::from_utf8_lossy(&tokens.concat()).into_owned());
        }
    }
}
