//! Lines of JSON.

use super::{Trip, context, saved, why};

#[test]
fn lines_of_json_are_records() {
    let file = "{\"id\":1,\"city\":\"Oslo\",\"kept\":true,\"more\":[1,{}]}\r\n\n \
        {\"kept\":false,\"fare\":2,\"city\":\"a\\nb\",\"id\":2}";
    let cx = context(file);
    let trips = cx.json_lines::<Trip>("f").unwrap();
    trips.save_as_json_lines("out").unwrap();
    let expected = [
        "{\"id\":1,\"city\":\"Oslo\",\"fare\":null,\"kept\":true}\n",
        "{\"id\":2,\"city\":\"a\\nb\",\"fare\":2.0,\"kept\":false}\n",
    ];
    let lines: String = saved("out").into_iter().map(|(_, text)| text).collect();
    assert_eq!(lines, expected.concat());
    let values = cx.json_lines::<serde_json::Value>("f").unwrap();
    let counts = values.map(|value| value["more"].is_array()).collect();
    assert_eq!(counts.unwrap(), [true, false]);
}

#[test]
fn a_line_that_is_no_json_is_named_with_its_place() {
    let read = |file: &str| why(context(file).json_lines::<Trip>("f").unwrap().count());
    assert_eq!(
        read("{\"id\":1,\"city\":\"Oslo\",\"kept\":true}\n{\"id\":2,,}\n"),
        "InvalidArgument: line 2 of `f`, column 9: key must be a string; mend the line, or change the record's type"
    );
    assert_eq!(
        read("{\"id\":-1}\n"),
        "InvalidArgument: line 1 of `f`, column 8: invalid value: integer `-1`, expected u32; mend the line, or change the \
         record's type"
    );
    assert_eq!(
        read("{\"id\":1,\"City\":\"Oslo\",\"kept\":true}\n"),
        "InvalidArgument: line 1 of `f`, column 34: there is no member `city`: did you mean `City`? It has `City`, `id`, `kept`; \
         rename the field (`#[serde(rename = \"...\")]`), or make it an `Option` if it may be missing"
    );
    let cut = read("{\"id\":1");
    assert!(
        cut.contains("line 1 of `f`, column 7: EOF while parsing"),
        "{cut}"
    );
}

#[test]
fn numbers_are_read_as_they_were_written() {
    let mixed =
        (0..10_000u64).map(|number| f64::from_bits(number.wrapping_mul(0x9e37_79b9_7f4a_7c15)));
    let numbers: Vec<f64> = mixed.filter(|number| number.is_finite()).collect();
    let lines: String = numbers
        .iter()
        .map(|number| format!("{number:?}\n"))
        .collect();
    let read = context(lines).json_lines::<f64>("f").unwrap().collect();
    let bits = |numbers: Vec<f64>| -> Vec<u64> { numbers.into_iter().map(f64::to_bits).collect() };
    assert_eq!(bits(read.unwrap()), bits(numbers));
}
