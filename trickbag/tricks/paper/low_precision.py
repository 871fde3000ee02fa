"""Low precision: 16-bit arithmetic where it is safe."""

from trickbag.recipe import Card, Claim, Trick

TRICK = Trick(
    name="low_precision",
    patch={"precision.dtype": "low"},
    card=Card(
        summary=(
            "Computes convolutions and matrix products in 16 bits: fp16 with loss scaling on CUDA, bf16 "
            "elsewhere. It is there for speed and memory; accuracy should stay as it is."
        ),
        source="He et al. 2018 (arXiv 1812.01187), Section 3.2, Tables 3 and 4",
        claims=(
            Claim(
                "He et al. 2018, Table 4",
                "ImageNet, ResNet-50, batch 256, on no bias decay: top-1 76.16 -> 76.15 (computed)",
                -0.01,
            ),
            Claim(
                "He et al. 2018, Table 4",
                "ImageNet, ResNet-50, batch 1024, on no bias decay: top-1 76.03 -> 76.21 (computed)",
                0.18,
            ),
            Claim(
                "NVIDIA DeepLearningExamples, ResNet50 v1.5, repeated runs",
                "ImageNet, 90 epochs, DGX-1 V100, fp32 to AMP: top-1 77.01 -> 76.88 (computed; +-0.16 each)",
                -0.13,
            ),
            Claim(
                "NVIDIA DeepLearningExamples, ResNet50 v1.5, repeated runs",
                "ImageNet, 90 epochs, DGX A100, TF32 to AMP: top-1 76.95 -> 77.12 (computed; +-0.18, +-0.11)",
                0.17,
            ),
            Claim(
                "NVIDIA DeepLearningExamples, ResNet50 v1.5, repeated runs",
                "ImageNet, 50 epochs, DGX-2, fp32 to AMP: top-1 76.04 -> 75.81 (computed; +-0.05, +-0.08)",
                -0.23,
            ),
            Claim("mmpretrain, single runs", "ImageNet, ResNet-50: top-1 76.55 -> 76.30 (computed)", -0.25),
        ),
        follows=(
            "Paper: parameters, activations and gradients in fp16, with an fp32 copy of the parameters for "
            "the update. trickbag deviates: autocast keeps the weights in fp32 and casts inside the "
            "operations, which is today's usual way and comes to the same precision of the update."
        ),
        hurts=(
            "Accuracy differences are within noise in most repeats. Hardware without 16-bit units gains "
            "nothing and may lose time; bf16 there is not the fp16 of the paper: see `precision.dtype` of "
            "the resolved run."
        ),
        cost=(
            "Saves time and memory on GPUs with 16-bit units: NVIDIA reports 2855 to 8322 images/s on 8 V100 "
            "(2.91x over fp32) and 7248 to 16621 on 8 A100 (2.29x over TF32)."
        ),
        suggests=(("low_precision",), ("large_batch", "linear_scaling", "low_precision")),
    ),
)
