"""junit.xml for what no test run has judged: a case for each requirement."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

from lightning_verify.judging.harmless import one_line
from lightning_verify.report.outcome import Outcome

_MAX_LENGTH = 1_000
# What XML has no way to write.
_NOT_XML = re.compile("[\ufffe\uffff]")


def render_junit(outcome: Outcome, suite: str) -> str:
    """The report as JUnit has it: what is broken fails; what is advice or undecided is skipped."""
    cases = list[ET.Element]()
    for ruling in outcome.rulings:
        requirement = ruling.requirement
        case = ET.Element("testcase", classname=f"{suite}.{requirement.area}", name=requirement.id, time="0")
        words = _text(f"{requirement.statement} {ruling.reason}")
        if ruling.verdict == "fail" and outcome.counts(ruling):
            ET.SubElement(case, "failure", message=words)
        elif ruling.verdict != "pass":
            advice = "danger" if requirement.urgent else "advice"
            kind = advice if ruling.verdict == "fail" else ruling.verdict
            ET.SubElement(case, "skipped", message=f"{kind}: {words}")
        cases.append(case)
    root = ET.Element("testsuites")
    element = ET.SubElement(
        root,
        "testsuite",
        name=suite,
        tests=str(len(cases)),
        failures=str(sum(case.find("failure") is not None for case in cases)),
        skipped=str(sum(case.find("skipped") is not None for case in cases)),
        errors="0",
        time=str(outcome.run["seconds"]),
        timestamp=outcome.run["started"].removesuffix("Z"),
    )
    element.extend(cases)
    return ET.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _text(text: str) -> str:
    return _NOT_XML.sub("\ufffd", one_line(text, _MAX_LENGTH))
