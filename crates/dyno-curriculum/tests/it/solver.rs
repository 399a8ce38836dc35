//! Answers found from the text of a question alone, by other means than those that made it.

/// The value of an expression of whole numbers, `+ - * /` and brackets; none where it is no such thing.
pub(crate) fn value(expression: &str) -> Option<f64> {
    let letters: Vec<char> = expression.chars().filter(|letter| *letter != ' ').collect();
    let mut at = 0;
    let value = sum(&letters, &mut at)?;
    (at == letters.len()).then_some(value)
}

fn sum(letters: &[char], at: &mut usize) -> Option<f64> {
    let mut value = term(letters, at)?;
    while let Some(sign) = letters.get(*at).filter(|sign| "+-".contains(**sign)) {
        *at += 1;
        let next = term(letters, at)?;
        value = if *sign == '+' { value + next } else { value - next };
    }
    Some(value)
}

fn term(letters: &[char], at: &mut usize) -> Option<f64> {
    let mut value = factor(letters, at)?;
    while let Some(sign) = letters.get(*at).filter(|sign| "*/".contains(**sign)) {
        *at += 1;
        let next = factor(letters, at)?;
        value = if *sign == '*' { value * next } else { value / next };
    }
    Some(value)
}

fn factor(letters: &[char], at: &mut usize) -> Option<f64> {
    match letters.get(*at)? {
        '(' => {
            *at += 1;
            let value = sum(letters, at)?;
            (letters.get(*at) == Some(&')')).then(|| *at += 1)?;
            Some(value)
        }
        '-' => {
            *at += 1;
            Some(-factor(letters, at)?)
        }
        _ => {
            let start = *at;
            while letters.get(*at).is_some_and(char::is_ascii_digit) {
                *at += 1;
            }
            letters[start..*at].iter().collect::<String>().parse().ok()
        }
    }
}

/// Whole numbers in a text, in order.
pub(crate) fn numbers(text: &str) -> Vec<i64> {
    text.split(|letter: char| !letter.is_ascii_digit()).filter_map(|word| word.parse().ok()).collect()
}

fn joined<T: ToString>(values: &[T], between: &str) -> String {
    values.iter().map(ToString::to_string).collect::<Vec<_>>().join(between)
}

/// The answer to a question whose answer follows from its text; none for others.
pub(crate) fn solve(task: &str, question: &str) -> Option<String> {
    match task {
        "addition" | "subtraction" | "multiplication" | "division" | "add_subtract" | "multiply_add"
        | "sum_times" | "product" | "product_add" => {
            value(&expression(question)).map(|value| value.to_string())
        }
        "sum_list" => Some(numbers(question).iter().sum::<i64>().to_string()),
        "comparison" | "extremes" => extreme(question),
        "sorting" => {
            let mut numbers = numbers(question);
            numbers.sort_unstable();
            if question.contains("from largest") {
                numbers.reverse();
            }
            Some(joined(&numbers, ", "))
        }
        "parity" => {
            let even = numbers(question).first()?.rem_euclid(2) == 0;
            Some(if even { "even" } else { "odd" }.to_owned())
        }
        "sequence" => sequence(question),
        "reverse_letters" | "sort_letters" | "capital_letters" | "pick_letter" | "count_letters" => {
            letters(question)
        }
        "word_list" => word_list(question),
        "repeat_word" => repeat(question),
        "clock" => clock(question),
        "needle" => needle(question),
        "sum_at_depth" => value(&expression(question.lines().last()?)).map(|value| value.to_string()),
        _ => None,
    }
}

/// The expression a question asks for, out of its words.
fn expression(question: &str) -> String {
    let numbers = numbers(question);
    for (word, sign, backwards) in [
        ("Add ", "+", false),
        ("Subtract ", "-", true),
        ("Multiply ", "*", false),
        ("Divide ", "/", false),
        (" plus ", "+", false),
        (" minus ", "-", false),
        (" times ", "*", false),
        (" divided by ", "/", false),
    ] {
        if question.contains(word) {
            let (a, b) = if backwards { (numbers[1], numbers[0]) } else { (numbers[0], numbers[1]) };
            return format!("{a} {sign} {b}");
        }
    }
    question.chars().filter(|letter| "0123456789+-*/()".contains(*letter)).collect()
}

fn extreme(question: &str) -> Option<String> {
    let numbers = numbers(question);
    let most = question.contains("larger") || question.contains("largest");
    let found = if most { numbers.iter().max() } else { numbers.iter().min() };
    found.map(ToString::to_string)
}

fn sequence(question: &str) -> Option<String> {
    let shown = numbers(question);
    if question.contains(" from ") {
        let (first, last) = (shown[0], shown[1]);
        let way: Vec<i64> =
            if first < last { (first..=last).collect() } else { (last..=first).rev().collect() };
        assert_eq!(question.contains(" up "), first < last, "{question}");
        return Some(joined(&way, ", "));
    }
    assert!(shown.windows(2).all(|pair| pair[1] - pair[0] == shown[1] - shown[0]), "{question}");
    Some((2 * shown[shown.len() - 1] - shown[shown.len() - 2]).to_string())
}

fn letters(question: &str) -> Option<String> {
    // Single letters in a row at the end; what comes before them is longer words.
    let text = question.replace("How many times does ", "").replace(" occur in ", " ");
    let mut row: Vec<char> = Vec::new();
    for word in text.split([' ', ':', '?', '.']).rev() {
        let mut only = word.chars();
        match (only.next(), only.next()) {
            (Some(letter), None) if letter.is_alphabetic() => row.push(letter),
            (None, _) => {}
            _ => break,
        }
    }
    row.reverse();
    if question.starts_with("How many times") {
        let wanted = row.remove(0);
        return Some(row.iter().filter(|letter| **letter == wanted).count().to_string());
    }
    if question.contains("capital letters") {
        row.iter_mut().for_each(|letter| *letter = letter.to_ascii_uppercase());
    } else if question.contains("small letters") {
        row.iter_mut().for_each(|letter| *letter = letter.to_ascii_lowercase());
    } else if question.contains("Reverse") || question.contains("backwards") {
        row.reverse();
    } else if question.contains("Sort") || question.contains("alphabetical") {
        row.sort_unstable();
    } else if question.contains("How many") || question.contains("Count") {
        return Some(row.len().to_string());
    } else {
        let place = [("first", 0), ("last", row.len() - 1), ("second", 1), ("third", 2)]
            .into_iter()
            .find_map(|(name, place)| question.contains(name).then_some(place))?;
        return Some(row[place].to_string());
    }
    Some(joined(&row, " "))
}

fn word_list(question: &str) -> Option<String> {
    let (ask, list) = question.split_once(": ")?;
    let mut words: Vec<&str> = list.split(", ").collect();
    if ask.contains("first") {
        return Some(words[0].to_owned());
    }
    if ask.contains("last") {
        return words.last().map(ToString::to_string);
    }
    if ask.contains("How many") {
        return Some(words.len().to_string());
    }
    if ask.contains("dashes") {
        return Some(words.join("-"));
    }
    if ask.contains("Reverse") {
        words.reverse();
    } else {
        words.sort_unstable();
    }
    Some(words.join(", "))
}

fn repeat(question: &str) -> Option<String> {
    let words: Vec<&str> = question.trim_end_matches('.').split(' ').collect();
    let times = ["two", "three", "four", "five", "six"]
        .into_iter()
        .zip(2..)
        .find_map(|(name, times)| words.contains(&name).then_some(times))
        .or_else(|| numbers(question).first().map(|times| *times as usize))?;
    let word = words[words.len() - 3];
    Some(vec![word; times].join(" "))
}

fn clock(question: &str) -> Option<String> {
    let numbers = numbers(question);
    let span = if question.contains("hour") { numbers[0] * 60 } else { numbers[0] };
    let minutes = (numbers[1] * 60 + numbers[2] + span) % 720;
    let hour = if minutes < 60 { 12 } else { minutes / 60 };
    Some(format!("{hour}:{:02}", minutes % 60))
}

fn needle(question: &str) -> Option<String> {
    let name = question.lines().last()?.strip_prefix("What is the code of ")?.strip_suffix('?')?;
    let note = format!("The code of {name} is ");
    question.lines().find_map(|line| Some(line.strip_prefix(&note)?.strip_suffix('.')?.to_owned()))
}
