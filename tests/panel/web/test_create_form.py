"""The create form reads what was typed and says what is wrong where it is."""

from __future__ import annotations

from django.http import QueryDict

from panel.web.create_form import CreateForm


def typed(**fields: str) -> CreateForm:
    form = QueryDict(mutable=True)
    form.update({"image": "starter", "memory_unit": "MiB", **fields})
    return CreateForm.typed(form)


def test_a_full_form_becomes_a_spec() -> None:
    form = typed(
        name="one",
        command="sh -c 'echo hi'",
        memory="1,5",
        memory_unit="GiB",
        cpus="0.5",
        pids="64",
    )

    spec = form.spec("harbour")

    assert spec is not None
    assert spec.command == ("sh", "-c", "echo hi")
    assert (spec.limits.memory_bytes, spec.limits.cpus, spec.limits.pids) == (3 << 29, 0.5, 64)


def test_empty_limits_mean_no_limit_of_its_own() -> None:
    spec = typed().spec("harbour")

    assert spec is not None
    assert spec.limits.memory_bytes is None
    assert spec.limits.cpus is None


def test_several_errors_are_told_at_once_each_at_its_field() -> None:
    form = typed(name="not a name", command="sh -c 'open", memory="much")

    assert form.spec("harbour") is None
    assert form.errors.keys() == {"name", "command", "memory"}


def test_a_limit_below_the_floor_is_told_at_its_field() -> None:
    form = typed(memory="1")

    assert form.spec("harbour") is None
    assert "memory" in form.errors


def test_a_variable_given_twice_is_refused() -> None:
    form = QueryDict("image=starter&env-key=A&env-value=1&env-key=A&env-value=2")

    made = CreateForm.typed(form)

    assert made.spec("harbour") is None
    assert made.errors == {"env": "A is given twice"}


def test_infinity_and_not_a_number_are_no_numbers() -> None:
    for text in ("inf", "nan", "-1", "0", "1e400"):
        form = typed(cpus=text)
        assert form.spec("harbour") is None, text
        assert "cpus" in form.errors
