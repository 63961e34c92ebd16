"""Settings of django-auth-ldap for a directory with people and groups."""

from typing import Any, Final

from django.core.exceptions import ImproperlyConfigured

# For each answer of the directory; somebody waits for it.
SECONDS: Final = 5
NOT_INSTALLED: Final = (
    "LDAP_SERVER_URI needs django-auth-ldap: pip install -r requirements-ldap.txt, for which "
    "Debian and Ubuntu need: apt install gcc python3-dev libldap2-dev libsasl2-dev"
)


def settings_of(
    uri: str,
    *,
    bind: tuple[str, str],
    start_tls: bool,
    ca_file: str,
    users: tuple[str, str],
    group_base: str,
) -> dict[str, Any]:
    """Django settings by name.

    Args:
        bind: name and password with which people are looked up; empty for anybody's.
        ca_file: certificates that the directory's is signed by; empty for those of the system.
        users: where people are, and the filter that finds one by `%(user)s`.
        group_base: where groups are, whose `member` are names of people; empty for no groups.

    Raises ImproperlyConfigured.
    """
    try:
        import ldap
        from django_auth_ldap.config import LDAPSearch, MemberDNGroupType
    except ImportError as error:
        raise ImproperlyConfigured(NOT_INSTALLED) from error
    base, filter = users
    if not base or "%(user)s" not in filter:
        raise ImproperlyConfigured(
            "LDAP_SERVER_URI needs LDAP_USER_BASE, and %(user)s in LDAP_USER_FILTER."
        )
    options = {
        ldap.OPT_NETWORK_TIMEOUT: SECONDS,
        ldap.OPT_TIMEOUT: SECONDS,
        ldap.OPT_REFERRALS: 0,
        ldap.OPT_X_TLS_REQUIRE_CERT: ldap.OPT_X_TLS_DEMAND,
    }
    if ca_file:
        options[ldap.OPT_X_TLS_CACERTFILE] = ca_file
    # The last: it takes up those before.
    options[ldap.OPT_X_TLS_NEWCTX] = 0
    found = {
        "AUTH_LDAP_SERVER_URI": uri,
        "AUTH_LDAP_BIND_DN": bind[0],
        "AUTH_LDAP_BIND_PASSWORD": bind[1],
        "AUTH_LDAP_START_TLS": start_tls,
        "AUTH_LDAP_CONNECTION_OPTIONS": options,
        "AUTH_LDAP_USER_SEARCH": LDAPSearch(base, ldap.SCOPE_SUBTREE, filter),
        "AUTH_LDAP_USER_ATTR_MAP": {"first_name": "givenName", "last_name": "sn"},
    }
    if group_base:
        groups = LDAPSearch(group_base, ldap.SCOPE_SUBTREE, "(member=*)")
        found["AUTH_LDAP_GROUP_SEARCH"] = groups
        found["AUTH_LDAP_GROUP_TYPE"] = MemberDNGroupType("member")
    return found
