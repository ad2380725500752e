"""Who signs for a database of Amazon RDS: the certificate authorities of its region, as files of this package.

RDS signs with authorities of its own, which no system trusts by itself; a file holds the three of a region (RSA 2048
and 4096, ECC 384), as https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.SSL.html names them.
"""

import re
from pathlib import Path

from brigade.errors import NotFound

_FOLDER = Path(__file__).with_name("authorities")
_REGION = r"([a-z]{2}(?:-[a-z]+)+-\d)"
# id.account-part.region.rds.amazonaws.com; in China id.account-part.rds.region.amazonaws.com.cn
_HOST = re.compile(
    rf"^(?P<names>.+)\.(?:{_REGION}\.(?:rds|docdb)\.amazonaws\.com|(?:rds|docdb)\.{_REGION}\.amazonaws\.com\.cn)\.?$",
    re.IGNORECASE,
)


def region(host: str) -> str | None:
    """Give the region of an endpoint of RDS, Aurora or DocumentDB (``….us-east-1.rds.amazonaws.com``), else None."""
    found = _HOST.match(host)
    return (found[2] or found[3]).lower() if found else None


def is_proxy(host: str) -> bool:
    """Whether ``host`` is an endpoint of RDS Proxy, whose certificates public authorities sign.

    https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/rds-proxy.howitworks.html
    """
    found = _HOST.match(host)
    return found is not None and ".proxy-" in found["names"].lower()


def file(of_region: str) -> Path:
    """Give the file of the authorities of a region, which is there.

    Fails with NotFound for a region that this package has no file of; it says where AWS offers one.
    """
    path = _FOLDER / f"{of_region}.pem"
    if not path.is_file():
        raise NotFound(
            f"no certificate authorities of RDS in {of_region} are known here: download that region's bundle as "
            f"https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.SSL.html says, and store it as {path}"
        )
    return path
