//! Words that must not appear: paths of somebody's machine.

use super::Finding;

/// One word per line; lines starting with `#` are remarks.
pub(super) fn parse(list: &str) -> Vec<&str> {
    list.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')).collect()
}

/// Every line of the file with a forbidden word.
pub(super) fn check(path: &str, text: &str, forbidden: &[&str]) -> Vec<Finding> {
    let mut found = Vec::new();
    for (index, line) in text.lines().enumerate() {
        for word in forbidden.iter().filter(|word| line.contains(**word)) {
            let message = format!("{word:?} is a path of somebody's machine");
            found.push(Finding { rule: "word", path: path.to_owned(), line: index + 1, message });
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forbidden_words_are_found_with_their_line() {
        let list = parse("# remark\n\n /opt/mine/ \n");
        assert_eq!(list, ["/opt/mine/"]);
        let found = check("README.md", "fine\nsee /opt/mine/models\n", &list);
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].line, found[0].rule), (2, "word"));
        assert_eq!(check("README.md", "see opt/mine\n", &list), []);
    }
}
