import classifier.models.predictions
import django.db.models.lookups
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('classifier', "0012_readings_outlive_accounts"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name='prediction',
            name='is_unusual',
            field=models.BooleanField(default=False, help_text='Whether it looks so little like it that the answer needs a second look.'),
        ),
        # No database changes how a generated column is made: it goes, and comes again.
        migrations.RemoveIndex(model_name='prediction', name='prediction_own_certainty'),
        migrations.RemoveField(model_name='prediction', name='certainty'),
        migrations.AddField(
            model_name='prediction',
            name='certainty',
            field=models.GeneratedField(db_persist=True, expression=models.Case(models.When(in_distribution=False, then=models.Value('unlike')), models.When(django.db.models.lookups.GreaterThan(classifier.models.predictions.ArrayLength('prediction_set'), 1), then=models.Value('undecided')), models.When(is_unusual=True, then=models.Value('unusual')), models.When(in_distribution=True, then=models.Value('accepted')), default=models.Value('')), output_field=models.CharField(choices=[('', 'Not known'), ('accepted', 'Accepted'), ('undecided', 'Undecided'), ('unusual', 'Unusual'), ('unlike', 'Unlike the training data')], max_length=10)),
        ),
        migrations.AddIndex(
            model_name='prediction',
            index=models.Index(fields=['owner', 'certainty', '-created_at', '-id'], name='prediction_own_certainty'),
        ),
        migrations.AddConstraint(
            model_name='prediction',
            constraint=models.CheckConstraint(condition=models.Q(('is_unusual', False), ('in_distribution', True), _connector='OR'), name='prediction_unusual_is_not_unlike'),
        ),
    ]
