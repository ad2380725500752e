"""The certificate authorities of Amazon RDS: one file for each region, in this package.

RDS has its own authorities, which no system trusts by default. A file has the three of a region (RSA 2048 and 4096, ECC
384), as https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.SSL.html names them.
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


def find_region(host: str) -> str | None:
    """Return the region of an endpoint of RDS, Aurora or DocumentDB (`….us-east-1.rds.amazonaws.com`), else None."""
    found = _HOST.match(host)
    return (found[2] or found[3]).lower() if found else None


def is_proxy(host: str) -> bool:
    """Return whether `host` is an endpoint of RDS Proxy. Public authorities sign its certificates.

    Source: https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/rds-proxy.howitworks.html
    """
    found = _HOST.match(host)
    return found is not None and ".proxy-" in found["names"].lower()


def find_bundle(of_region: str) -> Path:
    """Return the path of the file of a region's authorities.

    Raises:
        NotFound: This package has no file of the region. The message says where AWS offers one.
    """
    path = _FOLDER / f"{of_region}.pem"
    if not path.is_file():
        raise NotFound(
            f"no certificate authorities of RDS in {of_region} are known here: download that region's bundle as "
            f"https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.SSL.html says, and store it as {path}"
        )
    return path
