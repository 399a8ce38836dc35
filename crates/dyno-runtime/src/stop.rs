//! Stop strings: cut the text where one appears, also when it is spread over several tokens.

/// Watches growing text for stop strings.
///
/// The text ends at the first moment, reading character by character, at which it ends in a stop string; that string
/// is cut off (the longest one, when several end there). How the text is divided into pieces makes no difference.
#[derive(Debug, Clone, Default)]
pub struct StopMatcher {
    stops: Vec<String>,
    /// Text withheld because it may be the beginning of a stop string.
    held: String,
}

/// What one piece of text led to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Released {
    /// Text that is safe to show.
    pub text: String,
    /// Whether a stop string appeared; the text before it is the end.
    pub stopped: bool,
}

impl StopMatcher {
    /// A matcher for these strings; none at all lets everything through. The protocol bounds their number and length.
    #[must_use]
    pub fn new(stops: Vec<String>) -> Self {
        Self { stops, held: String::new() }
    }

    /// Takes the next piece of text.
    pub fn push(&mut self, text: &str) -> Released {
        if self.stops.is_empty() {
            return Released { text: text.to_owned(), stopped: false };
        }
        self.held.push_str(text);
        if let Some(start) = self.first_stop() {
            self.held.truncate(start);
            return Released { text: std::mem::take(&mut self.held), stopped: true };
        }
        let withheld = self.held.split_off(self.withheld_from());
        Released { text: std::mem::replace(&mut self.held, withheld), stopped: false }
    }

    /// Ends the text: what was withheld turned out not to be a stop string.
    pub fn finish(&mut self) -> String {
        std::mem::take(&mut self.held)
    }

    /// Where the stop string that ends first begins.
    fn first_stop(&self) -> Option<usize> {
        let found = self
            .stops
            .iter()
            .filter_map(|stop| self.held.find(stop.as_str()).map(|start| (start + stop.len(), start)));
        found.min().map(|(_, start)| start)
    }

    /// Start of the longest tail that some stop string begins with.
    fn withheld_from(&self) -> usize {
        let longest = self.stops.iter().map(String::len).max().unwrap_or(0);
        let earliest = self.held.len().saturating_sub(longest);
        let begins_a_stop =
            |start: &usize| self.stops.iter().any(|stop| stop.starts_with(&self.held[*start..]));
        (earliest..self.held.len())
            .filter(|start| self.held.is_char_boundary(*start))
            .find(begins_a_stop)
            .unwrap_or(self.held.len())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn matcher(stops: &[&str]) -> StopMatcher {
        StopMatcher::new(stops.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn a_stop_string_across_pieces_is_cut_and_nothing_of_it_leaks() {
        let mut stops = matcher(&["\n\nUser:"]);
        assert_eq!(stops.push("Hi.\n"), Released { text: "Hi.".into(), stopped: false });
        assert_eq!(stops.push("\nUs"), Released { text: String::new(), stopped: false });
        assert_eq!(stops.push("er: x"), Released { text: String::new(), stopped: true });
    }

    #[test]
    fn withheld_text_returns_when_no_stop_string_follows() {
        let mut stops = matcher(&["END"]);
        assert_eq!(stops.push("the EN").text, "the ");
        assert_eq!(stops.push("TRY").text, "ENTRY");
        assert_eq!(stops.push("E").text, "");
        assert_eq!(stops.finish(), "E");
    }

    /// The definition, read off directly: the shortest beginning that ends in a stop string.
    fn naive(text: &str, stops: &[String]) -> (String, bool) {
        for end in (0..=text.len()).filter(|end| text.is_char_boundary(*end)) {
            let beginning = &text[..end];
            let longest =
                stops.iter().filter(|stop| beginning.ends_with(stop.as_str())).map(String::len).max();
            if let Some(length) = longest {
                return (beginning[..end - length].to_owned(), true);
            }
        }
        (text.to_owned(), false)
    }

    proptest! {
        #[test]
        fn equals_the_naive_method_for_every_division_into_pieces(
            pieces in prop::collection::vec("[abé]{0,4}", 0..8),
            stops in prop::collection::vec("[abé]{1,4}", 0..4),
        ) {
            let mut matcher = StopMatcher::new(stops.clone());
            let mut text = String::new();
            let mut stopped = false;
            for piece in &pieces {
                let released = matcher.push(piece);
                text.push_str(&released.text);
                // What was released is never taken back.
                prop_assert!(naive(&pieces.concat(), &stops).0.starts_with(&text));
                if released.stopped {
                    stopped = true;
                    break;
                }
            }
            if !stopped {
                text.push_str(&matcher.finish());
            }
            prop_assert_eq!((text, stopped), naive(&pieces.concat(), &stops));
        }
    }
}
