"""An administrator who is signed in."""

import pytest
from django.contrib.auth.models import User
from django.test import Client


@pytest.fixture
def admin_pages(client: Client, staff: User) -> Client:
    client.force_login(staff)
    return client
