"""Which addresses are fetched: public ones, by https, whatever form they are written in."""

from __future__ import annotations

import pytest

from anyvideo.net.ssrf import forbidden_address, guard_url
from anyvideo.types.errors import DownloadFailed

REFUSED = [
    # schemes
    "http://example.com/a.mp4",
    "ftp://example.com/a.mp4",
    "file:///etc/passwd",
    "data:video/mp4;base64,AAAA",
    "gopher://example.com/",
    "javascript:alert(1)",
    "//example.com/a.mp4",
    "/a.mp4",
    "example.com/a.mp4",
    "https:example.com",
    "https://",
    "https:///a.mp4",
    "",
    # this machine
    "https://localhost/a",
    "https://LOCALHOST/a",
    "https://localhost./a",
    "https://a.localhost/a",
    "https://127.0.0.1/a",
    "https://127.0.0.1:443/a",
    "https://127.8.9.10/a",
    "https://0.0.0.0/a",
    "https://[::1]/a",
    "https://[::]/a",
    "https://[0:0:0:0:0:0:0:1]/a",
    # this machine, written otherwise
    "https://127.1/a",
    "https://127.0.1/a",
    "https://2130706433/a",
    "https://0x7f000001/a",
    "https://0x7f.0.0.1/a",
    "https://0177.0.0.1/a",
    "https://017700000001/a",
    "https://0/a",
    "https://127.0.0.1./a",
    "https://127.0.0.01/a",
    "https://\uff11\uff12\uff17.0.0.1/a",
    "https://127。0。0。1/a",
    "https://①②⑦.⓪.⓪.①/a",
    "https://%31%32%37.0.0.1/a",
    # private networks and metadata services
    "https://10.0.0.1/a",
    "https://172.16.0.1/a",
    "https://172.31.255.255/a",
    "https://192.168.1.1/a",
    "https://100.64.0.1/a",
    "https://169.254.169.254/latest/meta-data",
    "https://168.63.129.16/a",
    "https://[fd00:ec2::254]/a",
    "https://[fe80::1]/a",
    "https://[fe80::1%25eth0]/a",
    "https://[fec0::1]/a",
    "https://[fc00::1]/a",
    # addresses that nothing public has
    "https://192.0.2.1/a",
    "https://198.18.0.1/a",
    "https://198.51.100.7/a",
    "https://203.0.113.9/a",
    "https://224.0.0.1/a",
    "https://255.255.255.255/a",
    "https://[ff02::1]/a",
    "https://[2001:db8::1]/a",
    "https://[2001:2::1]/a",
    "https://[3fff::1]/a",
    "https://[5f00::1]/a",
    # IPv4 hidden in IPv6
    "https://[::ffff:127.0.0.1]/a",
    "https://[::ffff:7f00:1]/a",
    "https://[::127.0.0.1]/a",
    "https://[64:ff9b::7f00:1]/a",
    "https://[64:ff9b::a9fe:a9fe]/a",
    "https://[64:ff9b:1::808:808]/a",
    "https://[2002:7f00:1::]/a",
    "https://[2002:c0a8:101::1]/a",
    "https://[2001:0:808:808:0:0:f5ff:fffe]/a",
    "https://[2001:0:7f00:1:0:0:f7f7:f7f7]/a",
    # credentials and confusion about where the host ends
    "https://user@example.com/a",
    "https://user:secret@example.com/a",
    "https://@example.com/a",
    "https://example.com@127.0.0.1/a",
    "https://127.0.0.1\\@example.com/a",
    "https://example.com\\.evil.test/a",
    "https://exa mple.com/a",
    "https://example.com/a\r\nHost: 127.0.0.1",
    "https://example.com\t/a",
    "https://[::1/a",
    "https://example.com:99999/a",
    "https://example.com:port/a",
    # ports
    "https://example.com:80/a",
    "https://example.com:22/a",
    "https://example.com:6379/a",
    "https://example.com/" + "a" * 9000,
]

ALLOWED = [
    "https://example.com/a.mp4",
    "https://example.com:443/a.mp4?X-Signature=abc%2Fdef",
    "https://example.com:8443/a.mp4",
    "https://EXAMPLE.com/a.mp4#t=1",
    "https://cdn-1.example.co.uk/a b.mp4".replace(" ", "%20"),
    "https://xn--mnchen-3ya.example/a.jpg",
    "https://münchen.example/a.jpg",
    "https://8.8.8.8/a.mp4",
    "https://[2606:4700:4700::1111]/a.mp4",
    "https://[64:ff9b::808:808]/a.mp4",
    "https://[2002:808:808::1]/a.mp4",
    "https://1and1.example/a.mp4",
]


@pytest.mark.parametrize("url", REFUSED)
def test_refused(url: str) -> None:
    with pytest.raises(DownloadFailed) as refused:
        guard_url(url)
    assert not refused.value.retryable
    assert refused.value.charged == "yes"
    assert refused.value.stage == "download"
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize("url", ALLOWED)
def test_allowed(url: str) -> None:
    guard_url(url)


@pytest.mark.parametrize(
    ("origin", "url", "allowed"),
    [
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000/out.mp4", True),
        ("http://localhost:8000", "http://localhost:8000/out.mp4?x=1", True),
        ("http://[::1]:8000", "http://[::1]:8000/out.mp4", True),
        ("https://127.0.0.1:8000", "https://127.0.0.1:8000/out.mp4", True),
        ("http://127.0.0.1:80", "http://127.0.0.1/out.mp4", True),
        ("http://127.0.0.1:8000", "http://127.0.0.1:8001/out.mp4", False),
        ("http://127.0.0.1:8000", "https://127.0.0.1:8000/out.mp4", False),
        ("http://127.0.0.1:8000", "http://localhost:8000/out.mp4", False),
        ("http://127.0.0.1:8000", "http://127.0.0.2:8000/out.mp4", False),
        ("http://127.0.0.1:8000", "http://user@127.0.0.1:8000/out.mp4", False),
        ("http://192.168.1.5:8000", "http://192.168.1.5:8000/out.mp4", False),
        ("http://10.0.0.1:8000", "http://10.0.0.1:8000/out.mp4", False),
        ("https://api.example.com:443", "http://api.example.com:443/out.mp4", False),
        ("http://api.example.com:80", "http://api.example.com/out.mp4", False),
    ],
)
def test_only_the_providers_own_loopback_origin_is_let_in(origin: str, url: str, *, allowed: bool) -> None:
    if allowed:
        guard_url(url, own_origin=origin)
        return
    with pytest.raises(DownloadFailed):
        guard_url(url, own_origin=origin)


@pytest.mark.parametrize("address", ["8.8.8.8", "1.1.1.1", "2606:4700:4700::1111", "64:ff9b::808:808"])
def test_public_addresses_may_be_connected_to(address: str) -> None:
    assert forbidden_address(address) is None


@pytest.mark.parametrize("address", ["nonsense", "", "1.2.3", "fe80::1%eth0", "::ffff:10.0.0.1"])
def test_everything_else_may_not(address: str) -> None:
    assert forbidden_address(address) is not None


PROVIDER_SHAPES = [
    "https://replicate.delivery/xezq/abc123/output.mp4",
    "https://replicate.delivery/pbxt/XyZ/tmp_a1.mp4",
    "https://pbxt.replicate.delivery/Ab1/out-0.webm",
    "https://api.replicate.com/v1/files/abc/download?expiry=1&owner=o&signature=s%3D",
    "https://dnznrvs05pmza.cloudfront.net/5e0b.mp4?_jwt=eyJhbGciOi.J9.x-y_z",
    "https://d2jqrm6oza8nb6.cloudfront.net/gen4/a.mp4?Expires=1&Signature=a~b_&Key-Pair-Id=K",
    "https://storage.cdn-luma.com/dream_machine/4e1d/watermarked_video0.mp4",
    "https://storage.cdn-luma.com/dream_machine/4e1d/video_0_thumb.jpg",
    "https://v3.fal.media/files/elephant/abc_output.mp4",
    "https://fal.media/files/zebra/abc.mp4",
    "https://storage.googleapis.com/bucket/a%20b.mp4?X-Goog-Algorithm=GOOG4-RSA-SHA256&X-Goog-Signature=ab",
    "https://generativelanguage.googleapis.com/v1beta/files/abc:download?alt=media",
    "https://us-central1-aiplatform.googleapis.com/v1/projects/p/locations/l/x.mp4",
    "https://videos.openai.com/vg-assets/assets%2Ftask_01%2Fmd.mp4?st=2026-01-01T00%3A00%3A00Z&sig=a%2Bb",
    "https://api.openai.com/v1/videos/video_123/content",
    "https://bucket.s3.amazonaws.com/a/b.mp4?X-Amz-Signature=ab",
    "https://bucket.s3.eu-central-1.amazonaws.com/a.mp4",
    "https://s3.us-east-1.amazonaws.com/bucket.with.dots/a.mp4",
    "https://ark-content-generation-cn-beijing.tos-cn-beijing.volces.com/doubao/a.mp4?X-Tos-Expires=86400",
    "https://v1-kling.klingai.com/kcdn/cdn-kcdn112452/a.mp4",
    "https://p4-kling.kechuangai.com/bs2/upload/a.mp4",
    "https://cdn.minimax.io/video/a.mp4?Expires=1",
    "https://hailuo-video.oss-cn-hangzhou.aliyuncs.com/a.mp4?OSSAccessKeyId=x&Signature=y",
    "https://dashscope-result-bj.oss-cn-beijing.aliyuncs.com:443/1d/a.mp4",
    "https://media.pixverse.ai/pixverse%2Fmp4%2Fmedia%2Fweb%2Fori%2Fa.mp4",
    "https://abcdefgh.supabase.co/storage/v1/object/sign/clips/a.mp4?token=eyJ",
    "https://account.blob.core.windows.net/container/a.mp4?sv=2024-11-04&sig=a%3D",
    "https://pub-0123456789abcdef.r2.dev/clips/a.mp4",
    "https://account.r2.cloudflarestorage.com/bucket/a.mp4?X-Amz-Expires=3600",
    "https://huggingface.co/datasets/o/n/resolve/main/a.mp4?download=true",
    "https://cdn-lfs-us-1.hf.co/repos/aa/bb/cc?response-content-disposition=inline%3B+filename*%3DUTF-8",
    "https://res.cloudinary.com/demo/video/upload/v1/a.mp4",
]


@pytest.mark.parametrize("url", PROVIDER_SHAPES)
def test_shapes_of_real_result_addresses_are_let_through(url: str) -> None:
    guard_url(url)


def test_there_are_as_many_forms_as_promised() -> None:
    assert len(set(REFUSED)) >= 60
    assert len(set(PROVIDER_SHAPES)) >= 30
