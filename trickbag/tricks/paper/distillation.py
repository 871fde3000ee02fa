"""Knowledge distillation: learning from a teacher's softened outputs as well."""

from trickbag.recipe import Card, Claim, Trick

TRICK = Trick(
    name="distillation",
    patch={"loss.distillation": {"teacher": "study", "temperature": 20.0, "hard_weight": 0.5}},
    card=Card(
        summary=(
            "Adds the cross-entropy with a teacher's outputs, both softened by temperature 20. The teacher "
            "is `study` (trained in the study's teacher phase), a weights file written by trickbag, or "
            "timm/NAME."
        ),
        source="He et al. 2018 (arXiv 1812.01187), Section 5.3, Equation 6, Table 6; after Hinton et al.",
        claims=(
            Claim(
                "He et al. 2018, Table 6",
                "ImageNet, ResNet-50-D, on label smoothing: top-1 78.31 -> 78.67 (computed)",
                0.36,
            ),
            Claim(
                "He et al. 2018, Table 6",
                "ImageNet, Inception-V3, on label smoothing: top-1 78.40 -> 78.26 (computed)",
                -0.14,
            ),
            Claim(
                "He et al. 2018, Table 6",
                "ImageNet, MobileNet, on label smoothing: top-1 72.93 -> 71.97 (computed)",
                -0.96,
            ),
            Claim(
                "He et al. 2018, Table 6",
                "ImageNet, ResNet-50-D, on mixup: top-1 79.15 -> 79.29 (computed)",
                0.14,
            ),
            Claim(
                "He et al. 2018, Table 6",
                "ImageNet, Inception-V3, on mixup: top-1 78.77 -> 78.34 (computed)",
                -0.43,
            ),
            Claim(
                "He et al. 2018, Table 6",
                "ImageNet, MobileNet, on mixup: top-1 73.28 -> 72.51 (computed)",
                -0.77,
            ),
            Claim(
                "NAVER assembled-cnn, Table 9",
                "ImageNet, MobileNet-V1, on label smoothing and mixup: top-1 73.54 -> 74.18",
                0.64,
            ),
            Claim(
                "NAVER assembled-cnn, Table 7",
                "ImageNet, ResNet-50-D with SK, AmoebaNet teacher: top-1 81.40 -> 81.69",
                0.29,
            ),
            Claim(
                "PaddleClas docs",
                "ImageNet, ResNet50_vd from ResNet152_vd: top-1 79.1 -> 79.8 (computed)",
                0.7,
            ),
            Claim(
                "ModelTC/United-Perception",
                "ImageNet, ResNet-18 from ResNet-152, also 100 to 180 epochs: top-1 70.32 -> 72.83 "
                "(computed)",
                2.51,
            ),
        ),
        follows=(
            "Released code (added after the paper): (1-h) T^2 soft + h hard with h = 0.5. The paper's "
            "Equation 6, hard + T^2 soft, is twice that, i.e. the same loss with doubled gradients."
        ),
        hurts=(
            "In the paper a ResNet-152-D teacher hurts Inception-V3 and MobileNet, another family; NAVER "
            "finds a gain on MobileNet. Temperature 20 with a label-smoothed teacher is disputed "
            "(Chandrasegaran et al. 2022: use a low one). A gain also buys the teacher's training time."
        ),
        cost=(
            "Training the teacher once, and its forward pass in every step: with a teacher larger than the "
            "student, a large part of the step."
        ),
        suggests=(("distillation",), ("cosine", "label_smoothing", "distillation")),
    ),
)
