"""The verbs: one module or package each, which import no other verb."""
