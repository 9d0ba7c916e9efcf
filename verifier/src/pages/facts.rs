//! The signed document as rows of label and value. What a document does not say is "not stated": nothing is left
//! out and nothing is made up.

use serde_json::Value;

use super::optional_moment;
use super::words::{date, number, unit};

/// One label with its values; none means "not stated".
pub(crate) struct Row {
    pub label: &'static str,
    pub values: Vec<Fact>,
    /// What holds for all values.
    pub note: String,
}

/// One value with what qualifies it.
#[derive(Default)]
pub(crate) struct Fact {
    pub text: String,
    pub note: String,
    /// Set in a fixed-width face: codes and hashes.
    pub code: bool,
    /// Only web addresses.
    pub href: Option<String>,
}

/// A test report.
pub(crate) struct Report {
    pub lab: String,
    pub rows: Vec<Row>,
}

/// The subject of a credential, read member by member: one that is absent, or of another type, is not stated.
#[derive(Clone, Copy)]
pub(crate) struct Facts<'a>(pub &'a Value);

impl<'a> Facts<'a> {
    pub fn text(self, pointer: &str) -> Option<&'a str> {
        self.0.pointer(pointer)?.as_str()
    }

    fn list(self, pointer: &str) -> impl Iterator<Item = Facts<'a>> + use<'a> {
        self.0.pointer(pointer).and_then(Value::as_array).into_iter().flatten().map(Facts)
    }

    fn at(self, pointer: &str) -> Option<Facts<'a>> {
        self.0.pointer(pointer).map(Facts)
    }

    pub fn product_name(self) -> &'a str {
        self.text("/product/name").unwrap_or("Product not named")
    }

    /// What somebody who holds the product can compare.
    pub fn product(self) -> Vec<Row> {
        vec![
            Row::code("Product number (GTIN)", self.text("/product/gtin")),
            Row::code("Batch", self.text("/product/batch")),
            Row::code("Serial number", self.text("/product/serial")),
            Row::new("Certificate holder", self.client()),
            Row::text("Site", self.text("/site")),
        ]
    }

    /// What the product is made of.
    pub fn material(self) -> Vec<Row> {
        vec![
            Row::text("Substance", self.text("/substance/name")),
            Row::text("Chemical formula", self.text("/substance/formula")),
            Row::text("CAS number", self.text("/substance/cas")),
            Row::text("EC number", self.text("/substance/ec")),
            Row::text("JRC material", self.text("/jrcId")),
            Row::text("European Registry of Materials", self.text("/ermId")),
            Row::new("Ontology term", self.text("/ontologyIri").map(Fact::link)),
            Row::new("Nanomaterial", self.text("/nanomaterialConclusion").map(conclusion)),
            Row::text("Shape", self.text("/shape")),
            Row::new("Aspect ratio", self.at("/aspectRatio").and_then(Facts::quantity)),
            Row::list(
                "Crystal phases",
                self.list("/crystallinity").filter_map(|phase| phase.share("/phase")),
            ),
            Row::list("Surface treatment", self.surface_treatment()),
            Row::new("Purity", self.at("/purity").and_then(Facts::quantity)),
            Row::list("Impurities", self.list("/impurities").filter_map(|impurity| impurity.share("/name"))),
        ]
    }

    /// What was measured.
    pub fn figures(self) -> Vec<Row> {
        let quantity = |label, pointer| Row::new(label, self.at(pointer).and_then(Facts::quantity));
        let size = |label, name| Row::new(label, self.at("/size").and_then(|size| size.diameter(name)));
        vec![
            size("Mean particle size", "/mean"),
            size("Median particle size (d50)", "/d50"),
            size("Smallest tenth below (d10)", "/d10"),
            size("Largest tenth above (d90)", "/d90"),
            quantity("Share of nanoparticles, by number (0 to 1)", "/nanoFraction"),
            quantity("Specific surface area by mass", "/ssaMass"),
            quantity("Density", "/density"),
            quantity("Specific surface area by volume", "/vssa"),
            self.zeta_potential(),
            Row::new("Isoelectric point", self.at("/iep").and_then(Facts::isoelectric_point)),
            Row::list("Dissolution rate", self.list("/dissolution").filter_map(Facts::quantity)),
            Row::new("Dispersion stability", self.at("/dispersionStability").and_then(Facts::dispersion)),
            quantity("Dustiness", "/dustiness"),
        ]
    }

    pub fn reports(self) -> Vec<Report> {
        self.list("/testReports").map(Facts::report).collect()
    }

    pub fn standards(self) -> Row {
        Row::list(
            "Standards",
            self.0
                .pointer("/standards")
                .and_then(Value::as_array)
                .into_iter()
                .flatten()
                .filter_map(|standard| standard.as_str().map(Fact::link)),
        )
    }

    /// Papers that go with the product.
    pub fn evidence(self) -> Vec<Row> {
        let sheet = self.at("/sds").and_then(|sheet| {
            let nanoform = sheet.text("/nanoform").map(|nanoform| format!("nanoform: {nanoform}"));
            let hash = sheet.text("/sha256").map(|hash| format!("SHA-256 {hash}"));
            Some(Fact::new(sheet.text("/revision")?).noted([nanoform, hash]))
        });
        vec![
            Row::new("Safety data sheet, revision", sheet),
            Row::text("R-Nano notification", self.text("/notifications/rNano")),
            Row::text("Cosmetics notification (CPNP)", self.text("/notifications/cpnp")),
            Row::text("REACH registration", self.text("/notifications/reach")),
        ]
    }

    fn client(self) -> Option<Fact> {
        let lei = self.text("/client/lei").map(|lei| format!("LEI {lei}"));
        let eori = self.text("/client/eori").map(|eori| format!("EORI {eori}"));
        let country = self.text("/client/country").map(|country| format!("country {country}"));
        Some(Fact::new(self.text("/client/name")?).noted([country, lei, eori]))
    }

    fn surface_treatment(self) -> Vec<Fact> {
        match self.text("/surfaceTreatment") {
            Some("none") => vec![Fact::new("none")],
            Some(other) => vec![Fact::new(other)],
            None => {
                self.list("/surfaceTreatment").filter_map(|treatment| treatment.share("/agent")).collect()
            }
        }
    }

    /// A named part of the material with its share.
    fn share(self, name: &str) -> Option<Fact> {
        let name = self.text(name)?;
        let cas = self.text("/cas").map(|cas| format!("CAS {cas}"));
        let ec = self.text("/ec").map(|ec| format!("EC {ec}"));
        let Some(quantity) = self.quantity() else {
            return Some(Fact::new(name).noted([cas, ec, Some("share not stated".to_owned())]));
        };
        let measured = Some(quantity.note).filter(|note| !note.is_empty());
        Some(Fact::new(&format!("{name}: {}", quantity.text)).noted([cas, ec, measured]))
    }

    /// `{value, unit, U, medium, method}`.
    fn quantity(self) -> Option<Fact> {
        let unit = self.text("/unit").map(unit).unwrap_or_default();
        let value = with_unit(self.text("/value")?, unit);
        Some(Fact::new(&value).noted([Some(self.uncertainty("/U", unit)), self.medium(), self.method()]))
    }

    fn diameter(self, name: &str) -> Option<Fact> {
        let value = with_unit(self.text(name)?, "nm");
        let deviation = (name == "/mean").then(|| self.text("/sd")).flatten();
        Some(Fact::new(&value).noted([
            Some(self.uncertainty("/U", "nm")),
            deviation.map(|deviation| format!("standard deviation {}", with_unit(deviation, "nm"))),
            self.method(),
            self.text("/n").map(|count| format!("{count} particles")),
            self.text("/weighting").map(|weighting| format!("weighted by {weighting}")),
        ]))
    }

    /// A curve over pH is measured in one medium by one method, and it says so once.
    fn zeta_potential(self) -> Row {
        let circumstances = |zeta: Facts<'a>| joined([zeta.medium(), zeta.method()]);
        let mut all = self.list("/zeta").map(circumstances);
        let first = all.next().unwrap_or_default();
        let shared = all.all(|other| other == first);
        let values = self.list("/zeta").filter_map(|zeta| {
            let own = if shared { String::new() } else { circumstances(zeta) };
            let own = Some(own).filter(|own| !own.is_empty());
            Some(Fact::new(&zeta.potential()?).noted([zeta.deviation("mV"), own]))
        });
        Row { note: if shared { first } else { String::new() }, ..Row::list("Zeta potential", values) }
    }

    fn potential(self) -> Option<String> {
        let acidity = self.text("/pH").map(|acidity| format!(" at pH {acidity}")).unwrap_or_default();
        Some(with_unit(self.text("/mV")?, "mV") + &acidity)
    }

    fn isoelectric_point(self) -> Option<Fact> {
        let value = format!("pH {}", self.text("/pH")?);
        Some(Fact::new(&value).noted([self.medium(), self.deviation(""), self.method()]))
    }

    fn dispersion(self) -> Option<Fact> {
        Some(Fact::new(self.text("/class")?).noted([self.medium(), self.method()]))
    }

    fn report(self) -> Report {
        let accreditation = self.text("/labAccreditation");
        let uncertainty = self.at("/uncertainty").and_then(|uncertainty| {
            let value = with_unit(uncertainty.text("/U")?, unit(uncertainty.text("/unit")?));
            let factor = uncertainty.text("/k").map(|factor| format!("k = {factor}"));
            Some(Fact::new(&format!("± {value}")).noted([factor]))
        });
        Report {
            lab: self.text("/lab").unwrap_or("Laboratory not stated").to_owned(),
            rows: vec![
                Row::text("Accreditation (ISO/IEC 17025)", accreditation),
                Row::text("Method", self.text("/method")),
                Row::text("Date", self.text("/date").and_then(date).as_deref()),
                Row::new("Expanded uncertainty", uncertainty),
                Row::new("Published at", self.text("/uri").map(Fact::link)),
                Row::code("SHA-256 of the report", self.text("/sha256")),
            ],
        }
    }

    fn uncertainty(self, pointer: &str, unit: &str) -> String {
        self.text(pointer).map_or("uncertainty not stated".into(), |uncertainty| {
            format!("expanded uncertainty ± {}", with_unit(uncertainty, unit))
        })
    }

    fn deviation(self, unit: &str) -> Option<String> {
        self.text("/sd").map(|deviation| format!("standard deviation {}", with_unit(deviation, unit)))
    }

    fn medium(self) -> Option<String> {
        self.text("/medium").map(|medium| format!("in {medium}"))
    }

    fn method(self) -> Option<String> {
        self.text("/method").map(|method| format!("by {method}"))
    }
}

impl Row {
    pub fn new(label: &'static str, value: Option<Fact>) -> Self {
        Self::list(label, value)
    }

    pub fn list(label: &'static str, values: impl IntoIterator<Item = Fact>) -> Self {
        Self { label, values: values.into_iter().collect(), note: String::new() }
    }

    pub fn text(label: &'static str, value: Option<&str>) -> Self {
        Self::new(label, value.map(Fact::new))
    }

    pub fn code(label: &'static str, value: Option<&str>) -> Self {
        Self::new(label, value.map(|value| Fact { code: true, ..Fact::new(value) }))
    }

    pub fn moment(label: &'static str, value: Option<&str>) -> Self {
        Self::text(label, optional_moment(value).as_deref())
    }
}

impl Fact {
    pub fn new(text: &str) -> Self {
        Self { text: text.to_owned(), ..Self::default() }
    }

    /// A link where the text is a web address. Nothing else a document may carry becomes one.
    pub fn link(text: &str) -> Self {
        let is_web = text.starts_with("https://") || text.starts_with("http://");
        Self { href: is_web.then(|| text.to_owned()), ..Self::new(text) }
    }

    pub fn noted(mut self, notes: impl IntoIterator<Item = Option<String>>) -> Self {
        self.note = joined(notes);
        self
    }
}

fn joined(notes: impl IntoIterator<Item = Option<String>>) -> String {
    notes.into_iter().flatten().collect::<Vec<_>>().join(" · ")
}

/// The contract draws it from the figures; here it is only put into words.
fn conclusion(conclusion: &str) -> Fact {
    let (text, note) = match conclusion {
        "yes" => ("Yes", "by the figures stated"),
        "no" => ("No", "by the figures stated"),
        "undetermined" => ("Undetermined", "the figures stated do not decide it"),
        other => (other, ""),
    };
    let note = Some(note.to_owned()).filter(|note| !note.is_empty());
    Fact::new(text).noted([note, Some("European Commission recommendation 2022/C 229/01".to_owned())])
}

fn with_unit(value: &str, unit: &str) -> String {
    [number(value).as_str(), unit].join(" ").trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_absent_is_not_stated() {
        let empty = json!({});
        let facts = Facts(&empty);
        let rows = [facts.product(), facts.material(), facts.figures(), facts.evidence()];
        assert!(rows.iter().flatten().all(|row| row.values.is_empty()));
        assert!(facts.reports().is_empty() && facts.standards().values.is_empty());
    }

    #[test]
    fn figures_carry_unit_uncertainty_and_conditions() {
        let subject = json!({
            "size": {"mean": "70", "sd": "46", "unit": "nm", "method": "TEM", "n": "300", "weighting": "number"},
            "ssaMass": {"value": "12", "unit": "m2/g", "U": "0.5", "method": "BET"},
            "zeta": [{"mV": "-32", "pH": "11", "medium": "water"}],
        });
        let rows = Facts(&subject).figures();
        let row = |label: &str| rows.iter().find(|row| row.label == label).unwrap();
        assert_eq!(row("Mean particle size").values[0].text, "70 nm");
        assert_eq!(
            row("Mean particle size").values[0].note,
            "uncertainty not stated · standard deviation 46 nm · by TEM · 300 particles · weighted by number"
        );
        assert_eq!(row("Specific surface area by mass").values[0].text, "12 m²/g");
        assert_eq!(
            row("Specific surface area by mass").values[0].note,
            "expanded uncertainty ± 0.5 m²/g · by BET"
        );
        assert_eq!(row("Zeta potential").values[0].text, "−32 mV at pH 11");
        assert_eq!(row("Zeta potential").note, "in water");
        assert!(row("Density").values.is_empty());
    }

    #[test]
    fn only_web_addresses_become_links() {
        assert!(Fact::link("https://x.example").href.is_some());
        for text in ["javascript:alert(1)", "urn:iso:std:iso:19749", "data:text/html,x", " https://x"] {
            assert!(Fact::link(text).href.is_none(), "{text}");
        }
    }

    #[test]
    fn members_of_another_type_are_not_stated() {
        let subject =
            json!({"size": "70 nm", "testReports": {"lab": 1}, "zeta": [1, {"mV": 3}], "shape": ["x"]});
        let facts = Facts(&subject);
        assert!(facts.figures().iter().all(|row| row.values.is_empty()));
        assert!(facts.reports().is_empty());
    }
}
