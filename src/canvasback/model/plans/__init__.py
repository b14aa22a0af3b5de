"""What each verb is about to do: values that print and compare, made before anything is changed."""
