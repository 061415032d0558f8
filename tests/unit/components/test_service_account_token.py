"""The token that a cluster writes for a ServiceAccount."""

import pytest

from components.service_account_token import token_of


def test_the_token_is_taken_as_it_is() -> None:
    assert token_of("a", {"token": "dA==", "ca.crt": "Yw=="}) == "dA=="


@pytest.mark.parametrize("data", [None, {}, {"ca.crt": "Yw=="}])
def test_a_missing_token_says_which_controller_must_run(data: dict[str, str] | None) -> None:
    with pytest.raises(ValueError, match="serviceaccount-token"):
        token_of("a", data)
