"""Objects of S3: conditional writes that settle unclear answers, bounded multipart uploads, bounded reads."""
