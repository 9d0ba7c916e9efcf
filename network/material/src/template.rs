//! The part of Go's text templates that crypto-config files use: `{{.Name}}`.

/// Puts values in place of variables; an error tells what is not understood.
pub(super) fn render(template: &str, variables: &[(&str, &str)]) -> Result<String, String> {
    let mut out = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once("{{") {
        let (name, after) = after.split_once("}}").ok_or_else(|| format!("{template:?} lacks a }}}}"))?;
        let value = variables.iter().find(|(known, _)| name.trim().strip_prefix('.') == Some(*known));
        let (_, value) = value.ok_or_else(|| unknown(template, name, variables))?;
        out.push_str(before);
        out.push_str(value);
        rest = after;
    }
    Ok(out + rest)
}

fn unknown(template: &str, name: &str, variables: &[(&str, &str)]) -> String {
    let known: Vec<String> = variables.iter().map(|(name, _)| format!("{{{{.{name}}}}}")).collect();
    format!("{{{{{name}}}}} in {template:?} is not known; known are {}", known.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_replaced() {
        let variables = [("Prefix", "peer"), ("Index", "3")];
        assert_eq!(render("a-{{.Prefix}}{{ .Index }}-b", &variables), Ok("a-peer3-b".to_owned()));
        assert_eq!(render("plain", &variables), Ok("plain".to_owned()));
        assert_eq!(
            render("{{.Domain}}", &variables),
            Err(r#"{{.Domain}} in "{{.Domain}}" is not known; known are {{.Prefix}}, {{.Index}}"#.to_owned())
        );
        assert!(render("{{.Prefix", &variables).is_err());
    }
}
