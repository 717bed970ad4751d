//! The API document as a page: each call with parameters and answers, each shape with its fields.

use serde_json::Value;

use super::html::{code_spans, escape, page};

/// Renders the document. A part that is missing is left out.
pub(super) fn render(document: &str) -> String {
    let document: Value = serde_json::from_str(document).unwrap_or_default();
    let calls = calls(&document);
    let mut body = format!("<h1>{}</h1><p>{}</p>", text(&document["info"], "title"), prose(&document["info"]));
    body += "<p><a href=/openapi.json>openapi.json</a></p>";
    for tag in items(&document["tags"]) {
        let name = tag["name"].as_str().unwrap_or_default();
        let of_tag: Vec<_> = calls.iter().filter(|call| call.tag == name).collect();
        body += &format!("<h2>{}</h2><p class=meta>{}</p><nav><ul>", escape(name), prose(tag));
        for call in &of_tag {
            body += &format!("<li><a href=\"#{0}\"><code>{0}</code></a></li>", escape(call.path));
        }
        body += "</ul></nav>";
        of_tag.iter().for_each(|call| body += &call.html());
    }
    body += "<h2>Shapes</h2>";
    for (name, schema) in members(&document["components"]["schemas"]) {
        body += &shape(name, schema);
    }
    page("Beidou API reference", &body)
}

struct Call<'a> {
    path: &'a str,
    method: &'a str,
    tag: &'a str,
    operation: &'a Value,
}

fn calls(document: &Value) -> Vec<Call<'_>> {
    let mut found = Vec::new();
    for (path, methods) in members(&document["paths"]) {
        for (method, operation) in members(methods) {
            let tag = operation["tags"][0].as_str().unwrap_or_default();
            found.push(Call { path, method, tag, operation });
        }
    }
    found
}

impl Call<'_> {
    fn html(&self) -> String {
        let mut html = format!(
            "<h3 id=\"{0}\"><span class=method>{1}</span><code>{0}</code></h3><p>{2}</p><p>{3}</p>",
            escape(self.path),
            escape(&self.method.to_uppercase()),
            code_spans(self.operation["summary"].as_str().unwrap_or_default()),
            prose(self.operation)
        );
        let parameters = items(&self.operation["parameters"]);
        if !parameters.is_empty() {
            html += "<table><tr><th>Parameter<th>In<th>Type<th>Meaning</tr>";
            for parameter in parameters {
                html += &format!(
                    "<tr><td><code>{}</code>{}<td>{}<td>{}<td>{}</tr>",
                    text(parameter, "name"),
                    if parameter["required"] == true { " *" } else { "" },
                    text(parameter, "in"),
                    kind(&parameter["schema"]),
                    prose(parameter)
                );
            }
            html += "</table>";
        }
        html += "<table><tr><th>Answer<th>Media type<th>Shape</tr>";
        for (status, response) in members(&self.operation["responses"]) {
            for (media, content) in members(&response["content"]) {
                html +=
                    &format!("<tr><td>{}<td>{}<td>{}</tr>", escape(status), escape(media), kind(&content["schema"]));
            }
        }
        html + "</table>"
    }
}

fn shape(name: &str, schema: &Value) -> String {
    let mut html = format!("<h3 id=\"{0}\"><code>{0}</code></h3><p>{1}</p>", escape(name), prose(schema));
    html += "<table><tr><th>Field<th>Type<th>Meaning</tr>";
    for part in items(&schema["allOf"]).iter().chain([schema]) {
        if part["$ref"].is_string() {
            html += &format!("<tr><td>all of<td>{}<td></tr>", kind(part));
        }
        for (field, property) in members(&part["properties"]) {
            html +=
                &format!("<tr><td><code>{}</code><td>{}<td>{}</tr>", escape(field), kind(property), prose(property));
        }
    }
    html + "</table>"
}

/// A schema in a word, with a link where it has a name.
fn kind(schema: &Value) -> String {
    if let Some(name) = schema["$ref"].as_str().and_then(|path| path.rsplit('/').next()) {
        return format!("<a href=\"#{0}\">{0}</a>", escape(name));
    }
    let one = |name: &str| match (name, schema["format"].as_str()) {
        ("array", _) => format!("list of {}", kind(&schema["items"])),
        (name, Some(format)) => format!("{} ({})", escape(name), escape(format)),
        (name, None) => escape(name),
    };
    match &schema["type"] {
        Value::String(name) => one(name),
        Value::Array(names) => names.iter().filter_map(Value::as_str).map(one).collect::<Vec<_>>().join(" or "),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => {
            let parts = ["oneOf", "anyOf", "allOf"].into_iter().flat_map(|key| items(&schema[key]));
            parts.map(kind).collect::<Vec<_>>().join(" or ")
        }
    }
}

fn prose(value: &Value) -> String {
    code_spans(value["description"].as_str().unwrap_or_default())
}

fn text(value: &Value, key: &str) -> String {
    escape(value[key].as_str().unwrap_or_default())
}

fn items(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn members(value: &Value) -> impl Iterator<Item = (&str, &Value)> {
    value.as_object().into_iter().flatten().map(|(key, value)| (key.as_str(), value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_call_and_shape_is_on_the_page_and_every_link_leads_somewhere() {
        let document = crate::openapi::document();
        let html = render(&document);
        let parsed: Value = serde_json::from_str(&document).unwrap();
        for (name, _) in members(&parsed["paths"]).chain(members(&parsed["components"]["schemas"])) {
            assert!(html.contains(&format!("<h3 id=\"{name}\">")), "{name}");
        }
        for link in html.split("href=\"#").skip(1).filter_map(|rest| rest.split('"').next()) {
            assert!(html.contains(&format!("id=\"{link}\"")), "{link}");
        }
        assert!(!html.contains("<script") && !html.contains("src="));
    }
}
