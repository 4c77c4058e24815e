import pytest

from services.contracts.principal import Principal, Role, principal_of


def test_a_callers_roles_are_those_that_sluice_knows():
    """What another system calls a role opens nothing here, whatever type it is of."""
    claims = {"sub": "bot", "roles": ["publisher", "superuser", 7, None, {"role": "admin"}]}
    assert principal_of(claims) == Principal("bot", roles=frozenset({Role.PUBLISHER}))


@pytest.mark.parametrize("claimed", ["true", 1, None, "yes", [True]])
def test_employment_is_the_json_value_true_and_nothing_like_it(claimed):
    assert not principal_of({"sub": "x", "employee": claimed}).employee
    assert principal_of({"sub": "x", "employee": True}).employee


@pytest.mark.parametrize("roles", ["publisher", {"publisher": True}, None])
def test_roles_are_a_list_or_there_are_none(roles):
    assert principal_of({"sub": "x", "roles": roles}).roles == frozenset()


def test_an_admin_has_every_role_but_the_services_own():
    admin = Principal("ada", roles=frozenset({Role.ADMIN}))
    assert admin.has(Role.PUBLISHER)
    assert not admin.has(Role.SERVICE)
