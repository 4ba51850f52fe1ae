//! The median of several runs, number by number.

use serde_json::{Map, Number, Value};

/// A value of the shape of the first run in which every number is the median of that number in all runs. A number that
/// some runs lack, because it was not reached, counts as longer than any; a text is that of the first run.
pub(crate) fn median(runs: &[Value]) -> Value {
    if runs.iter().any(Value::is_number) {
        return number(runs);
    }
    match runs.first() {
        Some(Value::Object(_)) => {
            let mut members = Map::new();
            for name in runs.iter().filter_map(Value::as_object).flat_map(Map::keys) {
                if !members.contains_key(name) {
                    let values: Vec<Value> = runs.iter().map(|run| run[name].clone()).collect();
                    members.insert(name.clone(), median(&values));
                }
            }
            Value::Object(members)
        }
        Some(first) => first.clone(),
        None => Value::Null,
    }
}

fn number(runs: &[Value]) -> Value {
    let mut numbers: Vec<(f64, &Value)> = runs.iter().map(|run| (run.as_f64().unwrap_or(f64::INFINITY), run)).collect();
    numbers.sort_by(|(one, _), (other, _)| one.total_cmp(other));
    let (low, high) = (numbers[(numbers.len() - 1) / 2], numbers[numbers.len() / 2]);
    if low.1 == high.1 {
        return low.1.clone();
    }
    Number::from_f64(f64::midpoint(low.0, high.0)).map_or(Value::Null, Value::Number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn each_number_has_a_median_of_its_own() {
        let runs = [
            json!({ "a": 1, "b": { "c": 9.5 }, "name": "x", "d": null }),
            json!({ "a": 3, "b": { "c": 1.5, "only": 7 }, "name": "x", "d": null }),
            json!({ "a": 2, "b": { "c": 2.5 }, "name": "x", "d": 4 }),
        ];
        let expected = json!({ "a": 2, "b": { "c": 2.5, "only": null }, "name": "x", "d": null });
        assert_eq!(median(&runs), expected);
        assert_eq!(median(&runs[..1]), runs[0]);
        assert_eq!(median(&[json!(1), json!(2)]), json!(1.5));
        assert_eq!(median(&[]), Value::Null);
    }
}
