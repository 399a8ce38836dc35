"""Renders chat templates with Jinja2, set up as the transformers library does.

Reads one JSON object from standard input: {"templates": [text, …], "chats": [{"name": …, "variables": {…}}, …], "now": ISO time}.
Writes one JSON line for each template and chat: {"text": …} or {"error": …, "refused": true or false}.
"""

import datetime
import json
import sys

import jinja2
import jinja2.ext
import jinja2.sandbox


class Generation(jinja2.ext.Extension):
    """What transformers calls AssistantTracker: {% generation %} marks the assistant's text and prints it."""

    tags = {"generation"}

    def parse(self, parser):
        line = next(parser.stream).lineno
        body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
        return jinja2.nodes.CallBlock(self.call_method("_body"), [], [], body).set_lineno(line)

    def _body(self, caller):
        return caller()


class Refused(jinja2.TemplateError):
    """The template called raise_exception."""


def raise_exception(message):
    raise Refused(message)


def tojson(value, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


def environment(now):
    made = jinja2.sandbox.ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[Generation, jinja2.ext.loopcontrols]
    )
    made.filters["tojson"] = tojson
    made.globals["raise_exception"] = raise_exception
    made.globals["strftime_now"] = now.strftime
    return made


def rendered(made, source, variables):
    try:
        return {"text": made.from_string(source).render(**variables)}
    except Refused as error:
        return {"error": str(error), "refused": True}
    except Exception as error:  # Whatever a template raises is its result.
        return {"error": f"{type(error).__name__}: {error}", "refused": False}


def main():
    task = json.load(sys.stdin)
    made = environment(datetime.datetime.fromisoformat(task["now"]))
    for source in task["templates"]:
        for chat in task["chats"]:
            print(json.dumps(rendered(made, source, chat["variables"])))


if __name__ == "__main__":
    main()
