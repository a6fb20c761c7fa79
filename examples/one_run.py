"""One run from Python: put a structure to a probe and read the result."""

import probekit

result = probekit.run("nonlocality", "unet+lambda", scale="smoke")
for metric, score in result.metrics.items():
    said = result.unscored.get(metric) if score is None else f"{score:.4f}"
    print(f"{metric:18} {said}  floor {result.floors.get(metric)}")
