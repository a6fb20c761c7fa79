"""One run from Python: put a structure to a probe and read the result."""

import probekit

result = probekit.run("nonlocality", "unet+lambda", scale="smoke")
for metric, score in result.metrics.items():
    print(f"{metric:18} {score:.4f}  floor {result.floors.get(metric)}")
