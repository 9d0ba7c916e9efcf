//! The form of an application: its steps, and in each the fields by the names that the certificate's document has for them.

/// How a field is filled in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Line,
    Date,
    /// One of these: what the document says, and what people read.
    Choice(&'static [(&'static str, &'static str)]),
}

/// A field. In a list, its name has `*` in place of the row's number.
#[derive(Clone, Copy, Debug)]
pub struct FieldOf {
    pub name: &'static str,
    pub label: &'static str,
    pub hint: &'static str,
    pub kind: Kind,
}

/// Fields that belong together; those of a list stand in rows, of which the form always has one more.
#[derive(Clone, Copy, Debug)]
pub struct Group {
    pub title: &'static str,
    pub hint: &'static str,
    pub fields: &'static [FieldOf],
}

/// One page of the form.
#[derive(Clone, Copy, Debug)]
pub struct StepOf {
    /// In its address.
    pub name: &'static str,
    pub title: &'static str,
    pub groups: &'static [Group],
}

impl Group {
    /// What stands before the row's number, where the group is a list.
    pub fn list(&self) -> Option<&'static str> {
        self.fields.first().and_then(|field| field.name.split_once(".*")).map(|(list, _)| list)
    }
}

impl StepOf {
    pub fn fields(&self) -> impl Iterator<Item = &'static FieldOf> {
        self.groups.iter().flat_map(|group| group.fields)
    }

    /// Whether a name is one of its fields, in any row.
    pub fn has(&self, name: &str) -> bool {
        let pattern = pattern(name);
        self.fields().any(|field| field.name == pattern)
    }
}

/// Rows of one list that a form may have; the contract's own limits are the rules.
pub const ROWS: usize = 64;

/// A field's name with `*` for the number of a row. A number that is no row's stays.
pub fn pattern(name: &str) -> String {
    let is_row = |part: &str| part.parse::<usize>().is_ok_and(|row| row < ROWS && row.to_string() == part);
    let parts = name.split('.').map(|part| if is_row(part) { "*" } else { part });
    parts.collect::<Vec<_>>().join(".")
}

pub fn step(name: &str) -> Option<&'static StepOf> {
    STEPS.iter().find(|step| step.name == name)
}

/// The step after this one; none after the last.
pub fn after(name: &str) -> Option<&'static StepOf> {
    STEPS.iter().skip_while(|step| step.name != name).nth(1)
}

/// Whether any step has a field of this name.
pub fn has(name: &str) -> bool {
    STEPS.iter().any(|step| step.has(name))
}

/// Whether a field of any step has a name that begins with this one and a point.
pub(crate) fn has_below(name: &str) -> bool {
    let below = format!("{}.", pattern(name));
    STEPS.iter().flat_map(StepOf::fields).any(|field| field.name.starts_with(&below))
}

const fn line(name: &'static str, label: &'static str, hint: &'static str) -> FieldOf {
    FieldOf { name, label, hint, kind: Kind::Line }
}

const fn choice(
    name: &'static str,
    label: &'static str,
    options: &'static [(&'static str, &'static str)],
) -> FieldOf {
    FieldOf { name, label, hint: "", kind: Kind::Choice(options) }
}

const DECIMAL: &str = "Such as 12.5: a point, no exponent.";
const FILE: &str = "64 hex digits. Upload the file under Files, and choose it here.";
const U: &str = "Expanded uncertainty";

pub const STEPS: &[StepOf] = &[
    StepOf {
        name: "product",
        title: "Product",
        groups: &[
            Group {
                title: "What is to be certified",
                hint: "",
                fields: &[
                    line("application.body", "Certification body", ""),
                    line("scheme.id", "Scheme", ""),
                    line("scheme.version", "Version of the scheme", ""),
                    line("product.name", "Product", "As it stands on the label."),
                    line("product.gtin", "GTIN", "14 digits, with zeros in front."),
                    line("product.batch", "Batch", ""),
                    line("product.serial", "Serial number", ""),
                    choice(
                        "listing",
                        "In the public directory",
                        &[("listed", "Yes"), ("unlisted", "No: found by its code alone")],
                    ),
                    line(
                        "application.category",
                        "Category of product",
                        "As the body's accreditation names it, where it is limited to some.",
                    ),
                    line(
                        "application.replaces",
                        "Replaces the certificate",
                        "The code of an earlier certificate that the new one is to replace.",
                    ),
                ],
            },
            Group {
                title: "Standards",
                hint: "Addresses of the standards, out of those that the scheme names.",
                fields: &[line("standards.*", "Standard", "")],
            },
        ],
    },
    StepOf {
        name: "supplier",
        title: "Supplier and site",
        groups: &[
            Group {
                title: "Who the certificate is for",
                hint: "",
                fields: &[
                    line("client.name", "Company", "As registered."),
                    line("client.lei", "LEI", "Legal Entity Identifier (ISO 17442); or an EORI number."),
                    line("client.eori", "EORI number", ""),
                    line("client.country", "Country", "Two letters (ISO 3166-1), such as BE."),
                    line("site", "Site", "Where the product is made."),
                ],
            },
            Group {
                title: "Safety data sheet",
                hint: "REACH, Annex II.",
                fields: &[
                    line("application.sdsLink", "Where it is", "An address that starts with https://"),
                    line("sds.revision", "Revision", ""),
                    line("sds.sha256", "SHA-256 of the file", FILE),
                    line("sds.nanoform", "Nanoform that it is about", ""),
                ],
            },
        ],
    },
    StepOf {
        name: "substance",
        title: "Substance",
        groups: &[
            Group {
                title: "Substance",
                hint: "REACH, Annex VI, 2.1 to 2.3.",
                fields: &[
                    line("substance.name", "Name", ""),
                    line("substance.cas", "CAS number", ""),
                    line("substance.ec", "EC number", ""),
                    line("substance.formula", "Formula", ""),
                    line("ermId", "ERM identifier", "ERM and eight digits."),
                    line("jrcId", "JRC identifier", "Such as JRCNM01100a."),
                    line("ontologyIri", "Term of an ontology", "Its web address."),
                    line("purity.value", "Purity, % w/w", DECIMAL),
                    line("purity.U", U, ""),
                    line("purity.method", "Method", ""),
                ],
            },
            Group {
                title: "Impurities",
                hint: "",
                fields: &[
                    line("impurities.*.name", "Name", ""),
                    line("impurities.*.cas", "CAS number", ""),
                    line("impurities.*.ec", "EC number", ""),
                    line("impurities.*.value", "Share, % w/w", ""),
                    line("impurities.*.U", U, ""),
                    line("impurities.*.method", "Method", ""),
                ],
            },
            Group {
                title: "Surface treatment",
                hint: "Say none, or list the agents below.",
                fields: &[choice("surfaceTreatment", "Surface treatment", &[("none", "None")])],
            },
            Group {
                title: "Agents of the surface treatment",
                hint: "",
                fields: &[
                    line("surfaceTreatment.*.agent", "Agent", ""),
                    line("surfaceTreatment.*.cas", "CAS number", ""),
                    line("surfaceTreatment.*.ec", "EC number", ""),
                    line("surfaceTreatment.*.value", "Share, % w/w", ""),
                    line("surfaceTreatment.*.U", U, ""),
                    line("surfaceTreatment.*.method", "Method", ""),
                ],
            },
            Group {
                title: "Shape",
                hint: "",
                fields: &[
                    choice(
                        "shape",
                        "Shape",
                        &[
                            ("spheroidal", "Spheroidal"),
                            ("elongated", "Elongated"),
                            ("platelet", "Platelet"),
                            ("multimodal", "Multimodal"),
                        ],
                    ),
                    line(
                        "aspectRatio.value",
                        "Aspect ratio",
                        "1 or more; for elongated particles and platelets.",
                    ),
                    line("aspectRatio.U", U, ""),
                    line("aspectRatio.method", "Method", ""),
                ],
            },
            Group {
                title: "Crystal phases",
                hint: "",
                fields: &[
                    line("crystallinity.*.phase", "Phase", ""),
                    line("crystallinity.*.value", "Share, %", ""),
                    line("crystallinity.*.U", U, ""),
                    line("crystallinity.*.method", "Method", ""),
                ],
            },
        ],
    },
    StepOf {
        name: "particles",
        title: "Particles",
        groups: &[
            Group {
                title: "Size, nm",
                hint: "The median (d50) or the mean, with its method.",
                fields: &[
                    line("size.d10", "d10", DECIMAL),
                    line("size.d50", "d50", ""),
                    line("size.d90", "d90", ""),
                    line("size.mean", "Mean", ""),
                    line("size.sd", "Standard deviation", ""),
                    line("size.U", U, ""),
                    line("size.n", "Particles measured", ""),
                    choice(
                        "size.method",
                        "Method",
                        &[
                            ("AFM", "AFM"),
                            ("CLS", "CLS"),
                            ("DLS", "DLS"),
                            ("DMAS", "DMAS"),
                            ("PTA", "PTA"),
                            ("SAXS", "SAXS"),
                            ("SEM", "SEM"),
                            ("spICP-MS", "spICP-MS"),
                            ("TEM", "TEM"),
                        ],
                    ),
                    choice(
                        "size.weighting",
                        "Weighting",
                        &[
                            ("number", "By number"),
                            ("surface", "By surface"),
                            ("volume", "By volume"),
                            ("mass", "By mass"),
                            ("intensity", "By intensity"),
                        ],
                    ),
                ],
            },
            Group {
                title: "Nano fraction and surface",
                hint: "What the nanomaterial conclusion is drawn from (2022/C 229/01).",
                fields: &[
                    line("nanoFraction.value", "Nano fraction by number", "0 to 1."),
                    line("nanoFraction.U", U, ""),
                    line("nanoFraction.method", "Method", ""),
                    line("ssaMass.value", "Specific surface by mass, m²/g", ""),
                    line("ssaMass.U", U, ""),
                    line("ssaMass.method", "Method", ""),
                    line("density.value", "Density, g/cm³", ""),
                    line("density.U", U, ""),
                    line("density.method", "Method", ""),
                    line("vssa.value", "Specific surface by volume, m²/cm³", ""),
                    line("vssa.U", U, ""),
                    line("vssa.method", "Method", ""),
                    choice(
                        "nanomaterialConclusion",
                        "Nanomaterial",
                        &[("yes", "Yes"), ("no", "No"), ("undetermined", "Undetermined")],
                    ),
                ],
            },
            Group {
                title: "Zeta potential",
                hint: "ISO/TR 13014: with pH and medium.",
                fields: &[
                    line("zeta.*.mV", "Potential, mV", ""),
                    line("zeta.*.pH", "pH", ""),
                    line("zeta.*.medium", "Medium", ""),
                    line("zeta.*.sd", "Standard deviation", ""),
                    line("zeta.*.method", "Method", ""),
                ],
            },
            Group {
                title: "Isoelectric point",
                hint: "",
                fields: &[
                    line("iep.pH", "pH", ""),
                    line("iep.medium", "Medium", ""),
                    line("iep.sd", "Standard deviation", ""),
                    line("iep.method", "Method", ""),
                ],
            },
            Group {
                title: "Dissolution",
                hint: "",
                fields: &[
                    line("dissolution.*.value", "Rate, ng/cm²/h", ""),
                    line("dissolution.*.U", U, ""),
                    line("dissolution.*.medium", "Medium", ""),
                    line("dissolution.*.method", "Method", ""),
                ],
            },
            Group {
                title: "Dispersion and dust",
                hint: "",
                fields: &[
                    choice(
                        "dispersionStability.class",
                        "Stability of the dispersion",
                        &[("low", "Low"), ("intermediate", "Intermediate"), ("high", "High")],
                    ),
                    line("dispersionStability.medium", "Medium", ""),
                    line("dispersionStability.method", "Method", ""),
                    line("dustiness.value", "Dustiness, mg/kg", ""),
                    line("dustiness.U", U, ""),
                    line("dustiness.method", "Method of the dustiness", ""),
                ],
            },
        ],
    },
    StepOf {
        name: "evidence",
        title: "Test reports",
        groups: &[
            Group {
                title: "Test reports",
                hint: "Of accredited laboratories (ISO/IEC 17025), which anchor each report on the ledger themselves.",
                fields: &[
                    line("testReports.*.lab", "Laboratory", ""),
                    line("testReports.*.labAccreditation", "Its accreditation number", ""),
                    line("testReports.*.method", "Method", ""),
                    FieldOf {
                        name: "testReports.*.date",
                        label: "Date of the report",
                        hint: "",
                        kind: Kind::Date,
                    },
                    line("testReports.*.sha256", "SHA-256 of the report", FILE),
                    line("testReports.*.uri", "Where it is", ""),
                    line("testReports.*.uncertainty.U", U, ""),
                    line("testReports.*.uncertainty.unit", "Its unit", ""),
                    line("testReports.*.uncertainty.k", "Coverage factor k", ""),
                ],
            },
            Group {
                title: "Notifications",
                hint: "Numbers under which registers know the product.",
                fields: &[
                    line("notifications.rNano", "R-Nano", ""),
                    line("notifications.cpnp", "CPNP", ""),
                    line("notifications.reach", "REACH", ""),
                ],
            },
        ],
    },
];

/// The unit in which a quantity is stated, by the name of what has it.
const UNITS: &[(&str, &str)] = &[
    ("purity", "% w/w"),
    ("impurities.*", "% w/w"),
    ("surfaceTreatment.*", "% w/w"),
    ("crystallinity.*", "%"),
    ("size", "nm"),
    ("ssaMass", "m2/g"),
    ("density", "g/cm3"),
    ("vssa", "m2/cm3"),
    ("dissolution.*", "ng/cm2/h"),
    ("dustiness", "mg/kg"),
];

/// The unit of a quantity, by its name.
pub(crate) fn unit(name: &str) -> Option<&'static str> {
    let pattern = pattern(name);
    UNITS.iter().find(|(known, _)| *known == pattern).map(|(_, unit)| *unit)
}
