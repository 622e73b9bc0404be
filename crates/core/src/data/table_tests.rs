use super::*;
use proptest::prelude::*;

fn one(text: &str) -> Result<Raw> {
    parse(text.as_bytes(), "some.csv", None)
}

fn two(train: &str, test: &str) -> Result<Raw> {
    parse(train.as_bytes(), "some.csv", Some((test.as_bytes(), "other.csv")))
}

fn floats(split: &Split) -> &[f32] {
    match &split.inputs {
        Inputs::Floats(values) => values,
        Inputs::Bytes(_) => panic!("columns are floats"),
    }
}

#[test]
fn the_last_fifth_of_each_class_is_for_the_test() {
    // Ten rows of a, three of b, in a mixed order; the first column is the line.
    let classes = "abaaabaaaabaa";
    let rows = classes.chars().enumerate().map(|(i, class)| format!("{},{}.5,{class}\n", i + 2, i));
    let raw = one(&format!("x,y,class\n{}", rows.collect::<String>())).unwrap();
    assert_eq!((raw.shape, raw.classes), (Shape { channels: 2, height: 1, width: 1 }, 2));
    assert_eq!(raw.train.labels, [0, 1, 0, 0, 0, 1, 0, 0, 0, 0]);
    assert_eq!(raw.test.labels, [1, 0, 0]);
    assert_eq!(floats(&raw.test), [12.0, 10.5, 13.0, 11.5, 14.0, 12.5]);
    assert_eq!(floats(&raw.train)[..4], [2.0, 0.5, 3.0, 1.5]);
}

#[test]
fn a_header_is_told_from_a_row() {
    for (text, values) in [
        ("1,2,class\n1,2,0\n3,4,0\n5,6,1\n7,8,1\n1,1,class\n", vec![1.0, 2.0]),
        ("\u{feff}x,y,z\n9,2,0\n3,4,0\n5,6,1\n7,8,1\n", vec![9.0, 2.0]),
        ("\n\n ,y,z\r\n9,2,0\r\n3,4,0\r\n5,6,1\r\n7,8,1\r\n", vec![9.0, 2.0]),
        ("\"a\",\"b, c\",\"d\"\n\"9\" , 2,0\n3,4,0\n5,6,1\n7,8,1", vec![9.0, 2.0]),
    ] {
        assert_eq!(floats(&one(text).unwrap().train)[..2], values[..], "{text}");
    }
    let text = one("1,two,0\n3,4,0\n5,6,1\n7,8,1\n").unwrap_err().to_string();
    assert!(text.contains("some.csv: line 1, column 2 is 'two', expected a finite number"), "{text}");
}

#[test]
fn numbers_sort_by_size_and_names_by_letters() {
    let rows = |classes: [&str; 6]| classes.map(|class| format!("0,{class}\n")).concat();
    let labels = |classes| {
        let text = rows(classes);
        two(&text, &text).unwrap().test.labels
    };
    assert_eq!(labels(["10", "9", "10.0", "-1", "9", "-1"]), [2, 1, 2, 0, 1, 0]);
    assert_eq!(labels(["10", "9", "x", "x", "9", "10"]), [0, 1, 2, 2, 1, 0]);
    assert_eq!(labels(["dog", "cat", "Dog", "dog", "cat", "Dog"]), [2, 1, 0, 2, 1, 0]);
    assert_eq!(two("0,1\n0,2\n", "5,2.0\n").unwrap().test.labels, [1]);
}

#[test]
fn a_test_file_has_rows_and_a_header_of_its_own() {
    let raw = two("a,b,c\n1,2,x\n3,4,y\n", "5,6,y\n").unwrap();
    assert_eq!((floats(&raw.train), floats(&raw.test)), (&[1.0, 2.0, 3.0, 4.0][..], &[5.0, 6.0][..]));
    assert_eq!((raw.train.labels, raw.test.labels, raw.classes), (vec![0, 1], vec![1], 2));
}

#[test]
fn mistakes_are_named_with_line_and_column() {
    for (text, words) in [
        ("", "holds nothing"),
        ("\n\n", "holds nothing"),
        ("a,b,c\n", "only a header"),
        (
            "5.1;3.5;a\n",
            "line 1 has one column, expected numbers and the class behind them; columns are told apart by commas, not by ';'",
        ),
        ("1\n2\n", "line 1 has one column"),
        ("a,b,c\n1,2,x\n1,2\n", "line 3 has 2 columns, line 1 has 3"),
        ("1,2,x\r\n\r\n1,2,x,4\r\n", "line 3 has 4 columns, line 1 has 3"),
        ("a,b,c\n1,2,x\n\n\n1,,y\n", "line 5, column 2 (b) is empty, expected a finite number"),
        ("a,b,c\r\n1,2,x\r\n1,1e39,y\r\n", "line 3, column 2 (b) is '1e39'"),
        ("1,2,x\r1,NaN,y\r", "line 2, column 2 is 'NaN'"),
        ("1,inf,x\n", "line 1, column 2 is 'inf'"),
        ("1,\"2\n3\",x\n", "line 1, column 2 is '2\\n3'"),
        ("1,2,x\n1,3,\n", "line 2, column 3, the class, is empty"),
        ("1,2,x\n1,3,x\n", "is 'x' everywhere"),
        ("1,2,0.5\n1,3,0.25\n3,4,0.75\n", "3 values in 3 rows"),
    ] {
        let error = one(text).unwrap_err();
        assert!(error.is_input());
        assert!(error.to_string().starts_with("some.csv") && error.to_string().contains(words), "{words}: {error}");
    }
    for (test, words) in [
        ("1,2,3,x\n", "other.csv has 3 columns before the class, some.csv has 2"),
        ("1,2,z\n", "other.csv has the class 'z', which some.csv has not"),
        ("1,b,x\n", "other.csv: line 1, column 2 is 'b'"),
    ] {
        let error = two("1,2,x\n3,4,y\n", test).unwrap_err().to_string();
        assert!(error.contains(words), "{words}: {error}");
    }
    let text = parse(b"1,2,\xff\n", "some.csv", None).unwrap_err().to_string();
    assert!(text.contains("line 1, column 3, the class, is not UTF-8"), "{text}");
}

#[test]
fn files_are_found_by_name() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).display().to_string();
    std::fs::write(path("a.csv"), "1,x\n2,y\n").unwrap();
    std::fs::write(path("b.csv"), "3,y\n").unwrap();
    std::fs::write(path("with,comma.csv"), "1,x\n2,x\n3,y\n4,y\n").unwrap();
    assert_eq!(load(&format!("{},{}", path("a.csv"), path("b.csv"))).unwrap().test.labels, [1]);
    assert_eq!(load(&path("with,comma.csv")).unwrap().test.labels, [0, 1]);
    for absent in [path("c.csv"), format!("{}, {}", path("a.csv"), path("c.csv"))] {
        let text = load(&absent).unwrap_err().to_string();
        assert!(text.contains(&path("c.csv")) && text.contains("csv:TRAIN,TEST"), "{text}");
    }
}

proptest! {
    #[test]
    fn what_is_written_is_read(
        rows in prop::collection::vec((prop::collection::vec(-1e30f32..1e30, 3), 0u16..3), 8..60), header: bool
    ) {
        let mut text = if header { "a,b,c,d\n".to_owned() } else { String::new() };
        for (values, class) in &rows {
            text += &format!("{},{},{},{class}\n", values[0], values[1], values[2]);
        }
        let Ok(raw) = one(&text) else {
            // Too few classes.
            prop_assert!(rows.iter().all(|row| row.1 == rows[0].1));
            return Ok(());
        };
        prop_assert_eq!(raw.train.len() + raw.test.len(), rows.len());
        let place = |row: &[f32]| rows.iter().position(|(values, _)| values[..] == *row);
        for split in [&raw.train, &raw.test] {
            let places: Option<Vec<usize>> = floats(split).chunks(3).map(place).collect();
            prop_assert!(places.is_some_and(|places| places.is_sorted()));
        }
    }
}
