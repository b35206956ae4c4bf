"""What the SAP monitors and actions share: the SAPControl web service of an instance's start service."""
