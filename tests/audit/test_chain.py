"""Whether a change to the audit trail is found, and what of it is kept how long."""

import io
from datetime import timedelta

import pytest
from django.core.management import call_command
from django.utils import timezone
from pytest_django import Settings

from classifier import audit, tasks
from classifier.audit import chain
from classifier.models import AuditEvent, AuditSeal

pytestmark = pytest.mark.django_db


def add_events(number: int) -> None:
    """As `audit.record` writes them, in one statement."""
    events = [
        AuditEvent(action=audit.Action.REVIEWED, details={"number": n}) for n in range(number)
    ]
    for event in events:
        event.digest = event.computed_digest()
    AuditEvent.objects.bulk_create(events, batch_size=1_000)


@pytest.fixture
def trail() -> list[int]:
    """Five events in two seals; their keys."""
    for number in (3, 2):
        add_events(number)
        audit.seal()
    return list(AuditEvent.objects.order_by("pk").values_list("pk", flat=True))


def verify_audit(*arguments: str) -> tuple[str, int]:
    """What the command says, and its exit code."""
    output = io.StringIO()
    try:
        call_command("verify_audit", *arguments, stdout=output)
    except SystemExit as stopped:
        return output.getvalue(), int(str(stopped.code))
    return output.getvalue(), 0


def test_ten_thousand_events_with_one_changed_and_one_deleted() -> None:
    add_events(10_000)
    tasks.keep_audit()
    assert audit.verify() == audit.Verdict(10_000, 0, str(AuditSeal.objects.last()), ())
    keys = AuditEvent.objects.order_by("pk").values_list("pk", flat=True)
    altered, deleted = keys[1_234], keys[7_777]
    AuditEvent.objects.filter(pk=altered).update(username="somebody-else")
    AuditEvent.objects.filter(pk=deleted).delete()
    first, second = audit.verify().problems
    assert first.startswith(f"Event {altered} of ")
    assert first.endswith(" was changed.")
    assert second == f"Event {deleted} of seal 8 was deleted."


def test_the_command_says_what_was_found(trail: list[int]) -> None:
    said, code = verify_audit()
    assert code == 0
    assert "5 events, 0 of them not sealed yet" in said
    AuditEvent.objects.filter(pk=trail[1]).delete()
    said, code = verify_audit()
    assert code == 1
    assert f"Event {trail[1]} of seal 1 was deleted." in said


def test_a_change_that_brings_its_own_digest_breaks_the_seal(trail: list[int]) -> None:
    event = AuditEvent.objects.get(pk=trail[0])
    event.username = "nobody"
    AuditEvent.objects.filter(pk=event.pk).update(username="nobody", digest=event.computed_digest())
    assert audit.verify().problems == ("Seal 1, or a digest of its events, was changed.",)


def test_an_event_that_was_put_in_is_found(trail: list[int]) -> None:
    add_events(1)
    AuditEvent.objects.filter(seal=None).update(seal=AuditSeal.objects.first())
    [problem] = audit.verify().problems
    assert problem.endswith("was added to seal 1.")


@pytest.mark.parametrize(("gone", "told"), [(1, "All before seal 2"), (2, "between 1 and 3")])
def test_a_missing_seal_is_found(trail: list[int], gone: int, told: str) -> None:
    add_events(1)
    audit.seal()
    AuditEvent.objects.filter(seal__sequence=gone).delete()
    AuditSeal.objects.get(sequence=gone).delete()
    [problem] = audit.verify().problems
    assert told in problem


def test_a_seal_from_the_log_shows_that_the_end_was_cut_off(trail: list[int]) -> None:
    kept_elsewhere = audit.verify().head
    assert verify_audit("--expect", kept_elsewhere)[1] == 0
    AuditEvent.objects.filter(seal__sequence=2).delete()
    AuditSeal.objects.get(sequence=2).delete()
    assert audit.verify().problems == ()
    said, code = verify_audit("--expect", kept_elsewhere)
    assert code == 1
    assert "is not in the trail" in said


def test_what_is_not_sealed_yet_is_checked_as_well() -> None:
    add_events(2)
    AuditEvent.objects.filter(pk=AuditEvent.objects.latest("pk").pk).update(action="exported")
    verdict = audit.verify()
    assert (verdict.events, verdict.unsealed, len(verdict.problems)) == (2, 2, 1)


def test_of_two_that_seal_at_once_one_leaves_it(
    trail: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    add_events(1)
    first = AuditSeal.objects.first()
    monkeypatch.setattr(AuditSeal.objects, "last", lambda: first)
    assert chain.seal() == 0
    monkeypatch.undo()
    assert chain.seal() == 1
    assert audit.verify().problems == ()


def test_what_is_too_old_is_deleted_and_the_rest_still_holds(
    trail: list[int], settings: Settings
) -> None:
    long_ago = timezone.now() - timedelta(days=settings.AUDIT_DAYS + 1)
    first = AuditSeal.objects.get(sequence=1)
    AuditSeal.objects.filter(pk=first.pk).update(sealed_at=long_ago)
    tasks.keep_audit()
    tasks.keep_audit()
    assert not AuditEvent.objects.filter(pk__in=trail[:3]).exists()
    told = AuditEvent.objects.get(action=audit.Action.PRUNED)
    assert told.details == {"through": f"1:{first.digest}", "number": 3}
    assert audit.verify().problems == ()


def test_the_last_seal_is_kept_whatever_its_age(trail: list[int], settings: Settings) -> None:
    AuditSeal.objects.update(sealed_at=timezone.now() - timedelta(days=settings.AUDIT_DAYS + 1))
    audit.prune()
    assert [each.sequence for each in AuditSeal.objects.all()] == [2]
