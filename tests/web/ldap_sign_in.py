"""Sign-in by a directory server that runs here. `make test-ldap` installs what it needs."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import ImproperlyConfigured
from django.test import Client
from pytest_django import Settings
from slapdtest import SlapdObject

from classifier.models import AuditEvent
from classifier.services.roles import is_administrator
from classifier.web.directory import NO_ANSWER
from medclassifier import directory
from tests.factories import PASSWORD, UserFactory

# slapdtest sets it, and then OpenLDAP's library takes no certificates.
os.environ.pop("LDAPNOINIT", None)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("groups")]

ANNA = "of Anna in the directory"
ENTRIES = """
dn: {suffix}
objectClass: dcObject
objectClass: organization
dc: slapd-test
o: Laboratory

dn: ou=people,{suffix}
objectClass: organizationalUnit
ou: people

dn: ou=groups,{suffix}
objectClass: organizationalUnit
ou: groups

dn: uid=anna,ou=people,{suffix}
objectClass: inetOrgPerson
uid: anna
cn: Anna Berg
givenName: Anna
sn: Berg
mail: anna@lab.example
userPassword: {password}

dn: cn=heads,ou=groups,{suffix}
objectClass: groupOfNames
cn: heads
member: uid=anna,ou=people,{suffix}

dn: cn=readers,ou=groups,{suffix}
objectClass: groupOfNames
cn: readers
member: uid=anna,ou=people,{suffix}
"""


class Directory(SlapdObject):
    openldap_schema_files = ("core.ldif", "cosine.ldif", "inetorgperson.ldif")

    def __init__(self, folder: Path) -> None:
        super().__init__()
        # GnuTLS, which Debian builds with, refuses the certificates that come with slapdtest.
        self.servercert = self.cafile = str(folder / "certificate.pem")
        self.serverkey = str(folder / "key.pem")
        asked = ["-x509", "-nodes", "-newkey", "rsa:2048", "-subj", "/CN=localhost", "-addext"]
        subprocess.run(
            ["openssl", "req", *asked, "subjectAltName=IP:127.0.0.1",
             "-keyout", self.serverkey, "-out", self.cafile],
            check=True,
            capture_output=True,
        )  # fmt: skip


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Directory]:
    with Directory(tmp_path_factory.mktemp("directory")) as running:
        running.ldapadd(ENTRIES.format(suffix=running.suffix, password=ANNA))
        yield running


@pytest.fixture(autouse=True)
def installation(server: Directory, settings: Settings) -> None:
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
    settings.SIGNUP_OPEN = False
    settings.AUTHENTICATION_BACKENDS = [
        *settings.AUTHENTICATION_BACKENDS,
        "classifier.web.directory.DirectoryBackend",
    ]
    reach(server, settings)


def reach(
    server: Directory, settings: Settings, uri: str = "", start_tls: bool = True, ca_file: str = ""
) -> None:
    found = directory.settings_of(
        uri or f"ldap://127.0.0.1:{server.port}",
        bind=(server.root_dn, server.root_pw),
        start_tls=start_tls,
        ca_file=ca_file or server.cafile,
        users=(f"ou=people,{server.suffix}", "(uid=%(user)s)"),
        group_base=f"ou=groups,{server.suffix}",
    )
    for name, value in found.items():
        setattr(settings, name, value)


def sign_in(client: Client, login: str = "anna", password: str = ANNA) -> str:
    """Where it leads; else what the page says."""
    answer = client.post("/accounts/login/", {"login": login, "password": password})
    return str(answer.headers.get("Location") or answer.content.decode())


def test_who_is_in_the_directory_has_an_account_though_sign_up_is_closed(client: Client) -> None:
    assert sign_in(client) == "/classify/"
    person = User.objects.get()
    assert (person.username, person.email) == ("anna", "anna@lab.example")
    assert person.get_full_name() == "Anna Berg"
    assert not person.has_usable_password()
    assert client.get("/classify/").status_code == 200
    assert AuditEvent.objects.filter(action="signed_in", username="anna").exists()
    assert sign_in(Client(), "ANNA") == "/classify/"
    assert User.objects.count() == 1


def test_programs_get_tokens_by_it(client: Client) -> None:
    sent = {"username": "anna", "password": ANNA}
    assert client.post("/api/v1/auth/token/", sent).status_code in {200, 201}


@pytest.mark.parametrize("password", ["wrong", ""])
def test_a_wrong_password_opens_nothing(client: Client, password: str) -> None:
    assert sign_in(client, password=password) != "/classify/"
    assert not User.objects.exists()
    assert client.get("/classify/").status_code == 302


def test_a_name_is_no_filter(client: Client) -> None:
    assert sign_in(client, "an*") != "/classify/"
    assert sign_in(client, "anna)(uid=*") != "/classify/"


def test_an_account_of_the_same_name_with_a_password_of_its_own_is_left_alone(
    client: Client,
) -> None:
    known = UserFactory.create(username="anna", is_superuser=True)
    assert sign_in(client) != "/classify/"
    assert sign_in(Client(), password=PASSWORD) == "/classify/"
    known.refresh_from_db()
    assert known.first_name == ""


def test_an_address_of_somebody_else_is_not_taken(client: Client) -> None:
    UserFactory.create(email="ANNA@lab.example")
    assert sign_in(client) == "/classify/"
    assert User.objects.get(username="anna").email == ""


def test_groups_give_the_highest_of_their_roles_at_each_sign_in(
    client: Client, settings: Settings
) -> None:
    settings.LDAP_ROLES = {"readers": "reviewer", "heads": "administrator"}
    sign_in(client)
    assert is_administrator(User.objects.get())
    settings.LDAP_ROLES = {"readers": "reviewer", "others": "administrator"}
    sign_in(Client())
    person = User.objects.get()
    assert [group.name for group in person.groups.all()] == ["Reviewers"]
    settings.LDAP_ROLES = {"others": "administrator"}
    sign_in(Client())
    assert not User.objects.get().is_staff


def test_a_directory_whose_certificate_nobody_knows_gets_no_password(
    client: Client, server: Directory, settings: Settings
) -> None:
    reach(server, settings, ca_file=server.clientcert)
    assert NO_ANSWER in sign_in(client)
    assert not User.objects.exists()


def test_while_it_is_away_that_is_said_and_passwords_of_here_go_on(
    client: Client, server: Directory, settings: Settings
) -> None:
    UserFactory.create(username="here")
    reach(server, settings, uri="ldap://127.0.0.1:1")
    assert NO_ANSWER in sign_in(client)
    assert sign_in(Client(), "here", PASSWORD) == "/classify/"


def test_what_is_missing_is_named() -> None:
    with pytest.raises(ImproperlyConfigured, match="LDAP_USER_BASE"):
        directory.settings_of(
            "ldap://localhost",
            bind=("", ""),
            start_tls=True,
            ca_file="",
            users=("", "(uid=%(user)s)"),
            group_base="",
        )
