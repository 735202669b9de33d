//! Names that are not there, and those that were probably meant.

use strsim::osa_distance;

/// Words for an error: what a file lacks, what it has, and which of that is near.
pub(crate) fn no_name<'n>(
    (what, missing): (&str, &str),
    there: impl Iterator<Item = &'n str> + Clone,
) -> String {
    let guess = nearest(missing, there.clone()).map(|near| format!(": did you mean `{near}`?"));
    let names: Vec<&str> = there.collect();
    format!(
        "there is no {what} `{missing}`{} It has `{}`; rename the field (`#[serde(rename = \"...\")]`), or make it an `Option` if \
         it may be missing",
        guess.as_deref().unwrap_or("."),
        names.join("`, `")
    )
}

/// The name that is near to a word. None: a wrong guess is worse than none.
fn nearest<'n>(word: &str, names: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    let word = word.to_lowercase();
    let far = (word.chars().count() / 3).max(1);
    names
        .map(|name| (osa_distance(&word, &name.to_lowercase()), name))
        .filter(|(distance, _)| *distance <= far)
        .min()
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_near_and_another_word_is_not() {
        let names = ["city", "fare", "fare_amount"];
        let near = |word| nearest(word, names.into_iter());
        assert_eq!(near("ctiy"), Some("city"));
        assert_eq!(near("Fare"), Some("fare"));
        assert_eq!(near("fare_amonut"), Some("fare_amount"));
        assert_eq!(near("town"), None);
        assert_eq!(near("id"), None);
    }
}
