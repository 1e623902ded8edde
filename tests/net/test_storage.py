"""Which storage a vendor could fetch from, and whose address a vendor echoes."""

from __future__ import annotations

import pytest

from anyvideo.net.storage import StorageAccess, can_sign, is_signed_for, signed_address
from anyvideo.types.errors import InvalidRequest

SIGNED = "https://objects.example.com/scenes/act%201/lake.png?X-Amz-Signature=sesame"
SUPABASE = "https://abc.supabase.co/storage/v1/object/sign/scenes/act%201/lake.png?token=sesame"


@pytest.mark.parametrize(
    ("address", "endpoint", "supabase", "can"),
    [
        ("s3://scenes/a.png", None, None, True),
        ("s3://scenes/a.png", "https://objects.example.com", None, True),
        ("s3://scenes/a.png", "http://objects.example.com", None, False),
        ("s3://scenes/a.png", "http://127.0.0.1:9000", "https://abc.supabase.co", False),
        ("s3://scenes/a.png", "https://10.0.0.7", None, False),
        ("s3://scenes/a.png", "https://minio.localhost", None, False),
        ("supabase://scenes/a.png", None, "https://abc.supabase.co", True),
        ("supabase://scenes/a.png", None, "http://localhost:54321", False),
        ("supabase://scenes/a.png", None, None, False),
    ],
)
def test_only_a_storage_that_others_can_reach_signs(
    address: str, endpoint: str | None, supabase: str | None, can: bool
) -> None:
    s3 = {} if endpoint is None else {"endpoint": endpoint}
    assert can_sign(address, StorageAccess(s3=s3, supabase_url=supabase)) is can


@pytest.mark.parametrize(
    ("url", "address", "own"),
    [
        (SIGNED, "s3://scenes/act 1/lake.png", True),
        (SIGNED, "s3://scenes/act 1/lake.png.bak", False),
        (SIGNED, "s3://cenes/act 1/lake.png", False),
        (SIGNED, "s3://other/act 1/lake.png", False),
        (SUPABASE, "supabase://scenes/act 1/lake.png", True),
        (SUPABASE, "supabase://scenes/act%201/lake.png", True),
        (SUPABASE, "https://abc.supabase.co/storage/v1/object/authenticated/scenes/act%201/lake.png", True),
        (SUPABASE, "https://abc.supabase.co/storage/v1/object/scenes/act%201/lake.png", True),
        (SUPABASE, "https://abc.supabase.co/storage/v1/object/scenes/act%202/lake.png", False),
        ("https://files.vendor.example/copy", "s3://scenes/act 1/lake.png", False),
        ("https://a.example/x?/scenes/lake.png", "s3://scenes/lake.png", False),
    ],
)
def test_a_signed_address_is_known_by_its_object(url: str, address: str, own: bool) -> None:
    assert is_signed_for(url, address) is own


@pytest.mark.anyio
@pytest.mark.parametrize("scheme", ["s3", "supabase"])
@pytest.mark.parametrize("name", ["scenes/%2e%2e/%2e%2e/x.png", "scenes/..%2fx.png", "../x.png", "/x.png"])
async def test_what_was_recorded_before_is_checked_again_where_it_is_signed(scheme: str, name: str) -> None:
    keys = {"access_key_id": "AKIDINVENTED", "secret_access_key": "invented", "region": "eu-central-1"}
    closed = "https://127.0.0.1:9"
    access = StorageAccess(s3={**keys, "endpoint": closed}, supabase_url=closed, supabase_key="invented")
    with pytest.raises(InvalidRequest) as caught:
        await signed_address(f"{scheme}://{name}", access)
    assert caught.value.field == "image"
